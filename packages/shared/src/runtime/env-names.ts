/** Names and values of the environment that do not come from an operator: injected by Kubernetes, or mistyped. */
import { closest, distance } from 'fastest-levenshtein';

/** Kubernetes adds such variables to each container for each Service of the namespace, also for one named `kora-api`. */
const INJECTED_NAME = /_SERVICE_HOST$|_SERVICE_PORT|_PORT_/;
const INJECTED_PORT_VALUE = /^(?:tcp|udp|sctp):\/\//i;
/** A name with more changed letters is hardly a typing error. */
const MAX_DISTANCE = 3;

/** True if Kubernetes injected the variable as the address of a Service instead of a port. */
export function isInjectedPort(name: string, value: string): boolean {
  return name.endsWith('_PORT') && !INJECTED_NAME.test(name) && INJECTED_PORT_VALUE.test(value);
}

/** Names that begin with `KORA_`, are not among the known ones, and were not injected by Kubernetes. */
export function unknownNames(names: readonly string[], known: ReadonlySet<string>): string[] {
  return names.filter((name) => name.startsWith('KORA_') && !known.has(name) && !INJECTED_NAME.test(name));
}

/** The known name that an unknown name was probably meant to be, or undefined. */
export function suggestion(name: string, known: readonly string[]): string | undefined {
  const nearest = closest(name, known);
  return distance(name, nearest) <= MAX_DISTANCE ? nearest : undefined;
}
