/** Lines out of bytes: the same ones however the bytes are cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines, type Line } from '../../src/cli/line-reader.ts';

async function linesOf(chunks: readonly (string | Uint8Array)[], maxLineBytes?: number): Promise<Line[]> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  }
  const lines: Line[] = [];
  for await (const batch of readLines(stream(), maxLineBytes)) lines.push(...batch);
  return lines;
}

async function textsOf(chunks: readonly string[]): Promise<[number, string | undefined][]> {
  return (await linesOf(chunks)).map((line) => [line.number, line.text]);
}

describe('the line reader', () => {
  it('takes LF, CRLF and a last line without an end', async () => {
    expect(await textsOf(['a\nb\r\nc'])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(await textsOf(['a\n'])).toEqual([[1, 'a']]);
    expect(await textsOf([])).toEqual([]);
  });

  it('leaves out blank lines but counts them, and drops a byte order mark', async () => {
    expect(await textsOf(['\ufeffa\n\n \t\r\nb\n'])).toEqual([
      [1, 'a'],
      [4, 'b'],
    ]);
  });

  it('reports a line over the limit once, by its number, and reads on', async () => {
    const lines = await linesOf(['1234\n12', '345', '6789\n12345\r\nok\n'], 5);
    expect(lines.map((line) => [line.number, line.text ?? line.fault])).toEqual([
      [1, '1234'],
      [2, 'longer than 5 bytes'],
      [3, '12345'],
      [4, 'ok'],
    ]);
    expect(lines[1]?.sizeBytes).toBe(9);
    expect((await linesOf(['123456'], 5))[0]?.fault).toBe('longer than 5 bytes');
  });

  it('reports bytes that are no UTF-8 and reads on', async () => {
    const lines = await linesOf([Uint8Array.of(0x61, 0xff, 0x0a), 'b\n']);
    expect(lines.map((line) => [line.number, line.text ?? line.fault])).toEqual([
      [1, 'not UTF-8'],
      [2, 'b'],
    ]);
  });

  it('gives the same lines however the bytes are cut into chunks', async () => {
    const text = fc
      .array(fc.constantFrom('a', 'é', '😀', '\n', '\r\n', ' ', '123456789'), { maxLength: 40 })
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(80), { maxLength: 10 }), async (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(await linesOf(chunks, 12)).toEqual(await linesOf([bytes], 12));
      }),
    );
  });
});
