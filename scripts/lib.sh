# shellcheck shell=bash
# Helpers of the scripts beside it; to be sourced by bash.

set -euo pipefail
export LC_ALL=C.UTF-8  # a fresh container has no LANG, and messages are compared

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SELF=$(basename "$0")
STAGES=()  # "name seconds" of what is done

say() { printf '%s: %s\n' "$SELF" "$*"; }

die() {
  printf '%s: %s\n' "$SELF" "$*" >&2
  exit 1
}

now_ms() { date +%s%3N; }

# seconds MILLISECONDS: "12.3"
seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# stage NAME COMMAND...: runs it and keeps its time. Ends the script when it fails, with the
# reason as the last line.
stage() {
  local name=$1 begin status=0
  shift
  printf '\n== %s\n' "$name"
  begin=$(now_ms)
  "$@" || status=$?
  STAGES+=("$name $(seconds $(($(now_ms) - begin)))")
  [ $status -eq 0 ] || die "stage \"$name\" failed with status $status: $*"
}

stage_table() {
  local entry
  printf '\n%-14s %9s\n' stage seconds
  for entry in "${STAGES[@]}"; do
    printf '%-14s %9s\n' "${entry% *}" "${entry##* }"
  done
}

# How many compilers at once: one a core, and 1.5 GB of memory for each.
jobs_to_use() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || true)
  [ -n "$memory" ] && [ "$memory" -lt "$cores" ] && cores=$memory
  [ "$cores" -ge 1 ] || cores=1
  echo "$cores"
}

configure() { (cd "$ROOT" && cmake --preset "$1"); }

# build PRESET [TARGET]
build() { cmake --build "$ROOT/build/$1" -j "$(jobs_to_use)" ${2:+--target "$2"}; }

# C++ and C files of this tree, one a line; git need not be there.
source_files() {
  find "$ROOT" \( -name build -o -name .git -o -name .cache \) -prune -o \
    -type f \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) -print | sort
}

# Those that differ from the commit given (default: where main is, or HEAD).
changed_files() {
  local git=(git -C "$ROOT" -c safe.directory='*') base=${1:-}
  [ -n "$base" ] || base=$("${git[@]}" merge-base HEAD main 2>/dev/null || echo HEAD)
  { "${git[@]}" diff --name-only --diff-filter=d "$base"
    "${git[@]}" ls-files --others --exclude-standard; } |
    sort -u | { grep -E '\.(cc|h|c)$' || true; } | sed "s|^|$ROOT/|"
}
