/**
 * Something was asked of the lab that it does not stand for. It is recorded and fails the world's `stop()`, so that a rehearsal
 * never passes because a fake let something through.
 */
export class LabFault extends Error {
  override readonly name = "LabFault";
}
