/**
 * One parsed source file as the house rules see it.
 *
 * It promises that comments and strings never pass for code: everything comes from a real parser.
 * It reads text that it is given and never touches the disk.
 */
import { parseSync } from 'oxc-parser';

/** One edge of the import graph, as written. */
export interface Edge {
  readonly specifier: string;
  /** `url` is `new URL('./x.js', import.meta.url)`: a thread's entry, no import. */
  readonly kind: 'import' | 'type' | 'dynamic' | 'url';
  readonly line: number;
}

/** A name a file declares and exports, or hands on. */
export interface ExportedName {
  readonly name: string;
  readonly line: number;
  /** The module it is handed on from, when this file does not declare it. */
  readonly from: string | undefined;
  /** True when a TSDoc block stands directly above the declaration. */
  readonly documented: boolean;
}

/** A function with its extent in lines, braces and signature included. */
export interface FunctionExtent {
  readonly line: number;
  readonly lines: number;
}

/** A node of the syntax tree; fields vary with `type`. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A source file, parsed. `path` is relative to the top of the repository, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly edges: readonly Edge[];
  readonly exported: readonly ExportedName[];
  readonly hasDefaultExport: boolean;
  readonly functions: readonly FunctionExtent[];
  /** Text of the block comment the file starts with, without the comment marks; undefined when there is none. */
  readonly head: readonly string[] | undefined;
  /** Statements that are neither an import nor `export … from`. */
  readonly ownStatements: number;
}

const FUNCTION_TYPES: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
]);

/** Parses `text`; throws when it is no TypeScript. */
export function parseSource(path: string, text: string): Source {
  const result = parseSync(path, text);
  const fault = result.errors[0];
  if (fault !== undefined) throw new Error(`${path} does not parse: ${fault.message}`);
  const program = result.program as unknown as Node;
  const lineOf = lineCounter(text);
  const edges: Edge[] = [];
  const functions: FunctionExtent[] = [];
  walk(program, (node) => {
    const edge = edgeOf(node);
    if (edge !== undefined) edges.push({ ...edge, line: lineOf(node.start) });
    if (FUNCTION_TYPES.has(node.type)) {
      const line = lineOf(node.start);
      functions.push({ line, lines: lineOf(node.end) - line + 1 });
    }
  });
  const blocks = result.comments.filter((comment) => comment.type === 'Block');
  const body = program['body'] as readonly Node[];
  return {
    path,
    text,
    program,
    edges,
    functions,
    exported: exportedNames(body, text, blocks, lineOf),
    hasDefaultExport: body.some((node) => node.type === 'ExportDefaultDeclaration') || exportsDefaultByName(body),
    head: headOf(text, blocks[0]),
    ownStatements: body.filter((node) => node.type !== 'ImportDeclaration' && !isString(node['source'])).length,
  };
}

/** Visits every node of the tree, parents first. */
export function walk(root: Node, visit: (node: Node) => void): void {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) {
      for (let index = next.length - 1; index >= 0; index--) open.push(next[index]);
    } else if (typeof next === 'object' && next !== null) {
      if (isNode(next)) visit(next);
      open.push(...Object.values(next).reverse());
    }
  }
}

/** True for a member call such as `Date.now()`, whatever its arguments. */
export function isCallOf(node: Node, object: string, property: string): boolean {
  const callee = node['callee'] as Node | undefined;
  if (node.type !== 'CallExpression' || callee?.type !== 'MemberExpression') return false;
  return nameOf(callee['object']) === object && nameOf(callee['property']) === property;
}

/** The name of an identifier node, or nothing. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  const name = node['name'];
  return typeof name === 'string' ? name : undefined;
}

/** The value of a string literal node, or nothing. */
export function stringOf(node: unknown): string | undefined {
  if (!isNode(node) || node.type !== 'Literal') return undefined;
  const value = node['value'];
  return typeof value === 'string' ? value : undefined;
}

/** Maps an offset to its line, the first being 1. */
export function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

function isString(node: unknown): boolean {
  return stringOf(node) !== undefined;
}

function edgeOf(node: Node): Omit<Edge, 'line'> | undefined {
  const specifier = stringOf(node['source']);
  if (node.type === 'ImportDeclaration' && specifier !== undefined) {
    return { specifier, kind: node['importKind'] === 'type' ? 'type' : 'import' };
  }
  if ((node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') && specifier !== undefined) {
    return { specifier, kind: node['exportKind'] === 'type' ? 'type' : 'import' };
  }
  if (node.type === 'ImportExpression' && specifier !== undefined) return { specifier, kind: 'dynamic' };
  if (node.type === 'TSImportType' && specifier !== undefined) return { specifier, kind: 'type' };
  if (node.type === 'NewExpression' && nameOf(node['callee']) === 'URL') {
    const [first, second] = node['arguments'] as readonly Node[];
    const url = stringOf(first);
    if (url !== undefined && second?.type === 'MemberExpression' && nameOf(second['property']) === 'url') {
      return { specifier: url, kind: 'url' };
    }
  }
  return undefined;
}

interface Block {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

function headOf(text: string, first: Block | undefined): readonly string[] | undefined {
  const before = first === undefined ? text : text.slice(0, first.start);
  if (first === undefined || !/^(#![^\n]*\n)?\s*$/.test(before)) return undefined;
  return first.value
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .filter((line) => line.length > 0);
}

function exportedNames(
  body: readonly Node[],
  text: string,
  blocks: readonly Block[],
  lineOf: (offset: number) => number,
): ExportedName[] {
  const names: ExportedName[] = [];
  for (const node of body) {
    if (node.type !== 'ExportNamedDeclaration') continue;
    const from = stringOf(node['source']);
    const documented = blocks.some(
      (block) =>
        block.value.startsWith('*') && block.end <= node.start && text.slice(block.end, node.start).trim() === '',
    );
    const add = (name: string | undefined): void => {
      if (name !== undefined) names.push({ name, line: lineOf(node.start), from, documented });
    };
    for (const specifier of (node['specifiers'] as readonly Node[]) ?? []) add(nameOf(specifier['exported']));
    const declaration = node['declaration'] as Node | null;
    if (declaration === null) continue;
    add(nameOf(declaration['id']));
    for (const declarator of (declaration['declarations'] as readonly Node[] | undefined) ?? [])
      add(nameOf(declarator['id']));
  }
  return names;
}

function exportsDefaultByName(body: readonly Node[]): boolean {
  return body.some((node) =>
    ((node['specifiers'] as readonly Node[] | undefined) ?? []).some(
      (specifier) => specifier.type === 'ExportSpecifier' && nameOf(specifier['exported']) === 'default',
    ),
  );
}
