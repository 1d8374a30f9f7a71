/**
 * The protocol version that every frame carries: `major.minor`. A reader refuses another major and
 * passes over what a newer minor added.
 */

export const PROTOCOL_MAJOR = 1;
export const PROTOCOL_MINOR = 0;
