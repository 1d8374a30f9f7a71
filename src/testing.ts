/**
 * The public face of `synapse-actors/testing`: what a test of actors imports, and nothing else.
 */
export { type ReopenOptions, TestSystem, testSystem, type TestOptions } from './testing/test-system.ts';
