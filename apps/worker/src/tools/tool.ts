/** What a tool is: something the investigator may look with, and that changes nothing. */
import type { JsonObject } from '@kora-wake/shared/wake/json';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { z } from 'zod';

export interface ToolContext {
  /** The wake that is being investigated. */
  wake: Wake;
  /** Takes secrets out: to be used before anything is cut, since half a secret is not known as one. */
  redact(text: string): string;
  /** Aborts when the tool's time, or the investigation's, is up. */
  signal: AbortSignal;
}

export interface Tool {
  /** True if its output repeats earlier answers: it then proves nothing. */
  secondhand?: boolean;
  /** As the Messages API takes it: letters, digits, `_` and `-`, at most 64. */
  name: string;
  /** For the model. */
  description: string;
  /** JSON Schema of its input, which is an object. */
  inputSchema: JsonObject;
  /**
   * Looks. Resolves with text for the model, of any length: it is redacted, cut and fenced by whoever calls.
   *
   * @throws ToolRefused where this is not allowed; anything else is an error of the tool's own
   */
  run(input: JsonObject, context: ToolContext): Promise<string>;
}

/** The call is one that nobody may make: a host off the list, a private address. Its message is for the model. */
export class ToolRefused extends Error {
  override name = 'ToolRefused';
}

/** A tool whose input is checked against a schema first; input that does not fit is an error the model can mend. */
export function defineTool<Input extends z.ZodObject>(tool: {
  name: string;
  description: string;
  input: Input;
  secondhand?: boolean;
  run(input: z.infer<Input>, context: ToolContext): Promise<string>;
}): Tool {
  return {
    name: tool.name,
    description: tool.description,
    inputSchema: jsonSchema.parse(z.toJSONSchema(tool.input)),
    ...(tool.secondhand && { secondhand: true }),
    run: async (given, context) => {
      const read = tool.input.safeParse(given);
      if (!read.success) throw new Error(`the input does not fit: ${z.prettifyError(read.error)}`);
      return tool.run(read.data, context);
    },
  };
}

const jsonSchema = z.record(z.string(), z.json());
