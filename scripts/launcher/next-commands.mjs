/**
 * The three commands a newcomer tries next, ready to paste.
 *
 * @param {{ url: string, keyInShell: string, folder: string, voice: string, instrumental: string, generationId: string | null }} options
 *   `folder`: where songs go, from the shell's folder
 * @returns {string[]} lines
 */
export function nextCommands({ url, keyInShell, folder, voice, instrumental, generationId }) {
  const auth = `-H "Authorization: Bearer ${keyInShell}"`;
  const body = {
    lyrics: '##My own first song,\nit will not take long.##',
    refer_voice: voice,
    refer_instrumental: instrumental,
  };
  const audio = generationId === null ? 'gen_…' : generationId;
  return [
    '# make a song of your own and wait for it',
    `curl -sS ${auth} -H 'Content-Type: application/json' -H 'Prefer: wait=60' \\`,
    `  -d '${JSON.stringify(body)}' ${url}/v1/generations`,
    '# list the newest finished songs',
    `curl -sS ${auth} '${url}/v1/generations?status=succeeded&limit=5'`,
    '# download one of them',
    `curl -sS ${auth} -o ${folder}/downloaded.mp3 ${url}/v1/generations/${audio}/audio`,
  ];
}
