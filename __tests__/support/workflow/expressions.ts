/** GitHub's expressions, as far as these workflows use them: operators, texts and functions that JavaScript has in the same form. */
import { runInNewContext } from "node:vm";

export interface Contexts {
  readonly github: object;
  readonly runner: object;
  readonly inputs: object;
  readonly vars: object;
  readonly secrets: object;
  readonly env: object;
  readonly steps: object;
  readonly needs: object;
}

export interface Course {
  /** A step has failed. */
  readonly failed: boolean;
}

/** What is not there is an empty text, as GitHub has it; a context or a function that is not known here is an error. */
function evaluate(expression: string, contexts: Contexts, { failed }: Course): unknown {
  const functions = { always: () => true, success: () => !failed, failure: () => failed, cancelled: () => false };
  const named = Object.entries(contexts as unknown as Record<string, object>).map(
    ([name, values]) => [name, lenient(values)] as const,
  );
  return runInNewContext(expression, { ...Object.fromEntries(named), ...functions }) as unknown;
}

const lenient = (values: object): object =>
  new Proxy(values, {
    get(target, name): unknown {
      const value = (target as Record<string | symbol, unknown>)[name] ?? "";
      return typeof value === "object" ? lenient(value) : value;
    },
  });

/** A text with its `${{ }}` filled in. */
export const filled = (text: string | number | boolean, contexts: Contexts, course: Course): string =>
  String(text).replaceAll(/\$\{\{(.+?)\}\}/g, (_, expression: string) =>
    String(evaluate(expression, contexts, course)),
  );

/** Whether a condition holds; one that asks for no course means success, as GitHub has it. */
export function holds(condition: string | undefined, contexts: Contexts, course: Course): boolean {
  const expression = /^\s*\$\{\{(.+)\}\}\s*$/.exec(condition ?? "")?.[1] ?? condition ?? "success()";
  const asks = /\b(always|success|failure|cancelled)\(\)/.test(expression);
  return Boolean(evaluate(asks ? expression : `success() && (${expression})`, contexts, course));
}
