#!/bin/sh
# The story of a batch: a spreadsheet of a thousand lyrics becomes a thousand songs, although some are refused at first.
# Run it beside `npm start` on the simulator, in the folder of Songmill: sh examples/batch.sh
# SONGMILL_URL and SONGMILL_API_KEY say where the server is, SIMULATOR_URL where the simulator is.
set -eu

songmill=${SONGMILL:-npx --no-install songmill}
simulator=${SIMULATOR_URL:-http://127.0.0.1:8090}
songs=${SONGS:-1000}
folder=${1:-batch-example}

tell_simulator() {
  curl -sS --fail -o /dev/null -X POST -H 'Content-Type: application/json' "$simulator/_sim/$1" -d "$2"
}

# Runs a command and sees to it that it ends with the exit code that it should.
expect() {
  wanted=$1
  shift
  code=0
  "$@" || code=$?
  if [ "$code" -ne "$wanted" ]; then
    echo "ended with $code, not $wanted: $*" >&2
    exit 1
  fi
}

# The upstream will refuse every twentieth song for a word that it does not like. The songs are small.
tell_simulator config '{"banned_words":["thunder"],"song_bytes":16384}'
trap 'tell_simulator reset "{}"' EXIT

# The spreadsheet, with headers as a person would choose them.
mkdir -p "$folder"
awk -v songs="$songs" 'BEGIN {
  print "Number,Text,Mood"
  for (i = 1; i <= songs; i++)
    printf "song-%04d,\"Song number %d of many,\nturning in the %s.\",calm\n", i, i, i % 20 ? "rain" : "thunder"
}' > "$folder/lyrics.csv"

# How the file is read: which column is which field, and what every song has in common.
set -- --columns lyrics:Text,custom_id:Number --extra-columns metadata --set refer_voice=vocal-2024112413150824-aj4GKzSM

echo '1. Is every line good? What will it cost?'
expect 0 $songmill batch validate "$folder/lyrics.csv" "$@"
expect 0 $songmill batch submit "$folder/lyrics.csv" "$@" --dry-run

echo '2. Make the songs and watch. Exit 3: some did not succeed.'
expect 3 $songmill batch submit "$folder/lyrics.csv" "$@" --watch --json > "$folder/batch.json"
grep -q '"status":"completed_with_errors"' "$folder/batch.json"
batch=$(sed 's/.*"id":"\(bat_[0-9A-Za-z]*\)".*/\1/' "$folder/batch.json")

echo '3. What was refused, and why?'
expect 0 $songmill batch errors "$batch" > "$folder/errors.jsonl"
head -n 1 "$folder/errors.jsonl"

echo '4. The cause is removed: make the rest. Submitting the file again would make nothing twice.'
tell_simulator config '{"banned_words":[]}'
expect 0 $songmill batch retry "$batch" --watch

echo '5. Save the songs, each checked against its sha256.'
expect 0 $songmill batch results "$batch" --out "$folder/songs"
saved=$(find "$folder/songs" -name '*.mp3' | wc -l)
[ "$saved" -eq "$songs" ] || { echo "$saved songs are there, not $songs" >&2; exit 1; }
echo "$saved songs in $folder/songs"
