/** A queue gives what was put in, in that order, whatever is taken out and put back in between. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Queue } from '../../src/base/queue.ts';

test('a queue does what an array does', () => {
  const move = fc.oneof(
    { weight: 6, arbitrary: fc.constant('push') },
    { weight: 5, arbitrary: fc.constant('shift') },
    fc.constant('back'),
    fc.constant('many'),
    fc.constant('drain'),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 300 }), (moves) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      let next = 0;
      for (const kind of moves) {
        if (kind === 'drain') expect(queue.drain()).toEqual(model.splice(0));
        else if (kind === 'shift') expect(queue.shift()).toBe(model.shift());
        else if (kind === 'back') {
          const taken = queue.shift();
          if (taken !== undefined) queue.unshift(taken);
        } else {
          for (let left = kind === 'many' ? 100 : 1; left > 0; left--) {
            queue.push(next);
            model.push(next++);
          }
        }
        expect(queue.length).toBe(model.length);
        expect(queue.peek()).toBe(model[0]);
      }
      expect(queue.items()).toEqual(model);
    }),
  );
});
