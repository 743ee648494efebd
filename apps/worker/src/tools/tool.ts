/** The definition of a tool. A tool gives the investigator evidence and changes nothing. */
import type { JsonObject } from '@kora-wake/shared/wake/json';
import type { Redact } from '@kora-wake/shared/wake/redact';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { z } from 'zod';

export interface ToolContext {
  /** The wake that is being investigated. */
  wake: Wake;
  /** Replaces secrets. Call it before shortening a text, because half a secret is not recognized. */
  redact: Redact;
  /** Aborts when the time of the tool or of the investigation is over. */
  signal: AbortSignal;
}

export interface Tool {
  /** True if its output repeats earlier answers: it then proves nothing. */
  secondhand?: boolean;
  /** At most 64 letters, digits, `_` and `-`, as the Messages API requires. */
  name: string;
  /** The model reads this. */
  description: string;
  /** JSON Schema of its input, which is an object. */
  inputSchema: JsonObject;
  /**
   * Resolves with text for the model, of any length. The caller redacts, shortens and fences it.
   *
   * @throws ToolRefused if the call is not allowed; any other error means that the tool failed
   */
  run(input: JsonObject, context: ToolContext): Promise<string>;
}

/** The call is not allowed, such as to an unlisted host or a private address. The model reads the message. */
export class ToolRefused extends Error {
  override name = 'ToolRefused';
}

/** A tool that checks its input against a schema. The error names each fault, so that the model can correct its input. */
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
      if (!read.success) throw new Error(`the input is not valid: ${z.prettifyError(read.error)}`);
      return tool.run(read.data, context);
    },
  };
}

const jsonSchema = z.record(z.string(), z.json());
