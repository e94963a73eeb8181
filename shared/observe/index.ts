// Watching a run from outside.

export {
  type Cassette,
  type CassetteCall,
  CassetteError,
  cassetteText,
  parseCassette,
  recordingCaller,
  replayingCaller,
} from './cassette.ts';
