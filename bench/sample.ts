/** A song of ordinary size, as a client would post it. */
export const SAMPLE_REQUEST = {
  model: 'music-01',
  lyrics:
    '##The river carries every light\nthe town has left to burn\nand I have counted half the night\nthe boats that don’t return\n\nso sing me over, sing me slow##',
  refer_voice: 'vocal-2024112413150824-aj4GKzSM',
  refer_instrumental: 'instrumental-2024112413150824-UE4jIGJY',
  audio_setting: { sample_rate: 44_100, bitrate: 256_000, format: 'mp3' },
  custom_id: 'boats-0001',
  metadata: { album: 'Harbour', take: '3' },
} as const;

/** Bytes of one song in the rows that finish songs. */
export const SONG_BYTES = 16_384;

/** Calls in flight in the rows that finish songs. */
export const CONCURRENCY = 50;

export const API_KEY = 'sgm_bench_bootstrap_key_of_the_benchmarks';
