/**
 * A text as Terraform reads it back: what begins a template there stands for itself.
 * @see https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences
 */
export const templateText = (text: string): string => text.replaceAll(/([$%])\{/g, "$1$1{");
