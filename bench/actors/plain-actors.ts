/** The plain half alone: nothing in it makes a lane lock itself down. */
export { plain } from './hardened-actors.ts';
