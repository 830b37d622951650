#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a training loses beside busy neighbours, and what it pays on a quiet machine for losing less.
#
#   benchmarks/busy_machine.sh build/release/examples/retinaface_train [ROUNDS, default 10]
#
# Two trainings on drawn scenes: the program as it is, and with the waiting that LibTorch has by
# itself. Each runs for a second at a time, in turn, stopped in between: alone; beside one process of
# the lowest priority; beside one for each core. The neighbours have a session of their own, as those
# of another terminal have: Linux then gives both sessions the same share, whatever their priority.
#
# The fair share is measured, not assumed: it is the processor time that as many loops as there are
# cores, which wait for nobody, get beside the same neighbours. `kept` is what is left of the images
# a second, by what is left of those loops' time. Wanted: kept >= 0.60, and a quiet machine's cost of
# at most 0.03. Where the loops get clearly less than all cores alone, the machine is not quiet.
set -euo pipefail

[[ $# -ge 1 && -x $1 ]] || { sed -n '3,16s/^# \{0,1\}//p' "$0" >&2; exit 2; }
program=$(realpath "$1") rounds=${2:-10} cores=$(nproc) batch=8
room=$(mktemp -d)
groups=()
trap 'for g in "${groups[@]}"; do kill -KILL -- "-$g" 2>/dev/null || true; done; rm -rf "$room"' EXIT

# begin COMMAND...: in a session of its own, whose number is then in $begun.
begin() {
  setsid "$@" >"$room/output" 2>&1 &
  begun=$!
  disown
  groups+=("$begun")
}
train() {
  local out=$1
  shift
  begin env "$@" "$program" --data synthetic --size 192 --batch $batch --scenes 1000000 --epochs 1 \
    --out "$room/$out"
}
train ours -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY -u OMP_PROC_BIND
ours=$begun
train plain -u OMP_WAIT_POLICY GOMP_SPINCOUNT=300000 OMP_PROC_BIND=false
plain=$begun
loop='while :; do :; done'
loops="for ((i = 1; i < $cores; i++)); do ($loop) & done; $loop"
begin nice -n 19 bash -c "$loop"
one=$begun
begin nice -n 19 bash -c "$loops"
each=$begun
begin bash -c "$loops"
free=$begun
for name in ours plain; do  # until both have begun
  for ((i = 0; i < 600; i++)); do
    [[ -s $room/$name/log.jsonl ]] && break
    sleep 0.1
  done
done
for g in "${groups[@]}"; do kill -STOP -- "-$g"; done

# done_by NAME: what it has done so far: updates, or hundredths of a second of processor time.
done_by() {
  if [[ $1 != free ]]; then
    wc -l <"$room/$1/log.jsonl"
    return
  fi
  local sum=0 field
  for process in $(pgrep -g "$free"); do
    read -ra field <"/proc/$process/stat"
    sum=$((sum + field[13] + field[14]))
  done
  echo "$sum"
}
# measure BESIDE NAME: a line of results: beside, name, done, seconds.
measure() {
  local before after from to
  kill -CONT -- "-${!2}"
  sleep 0.2
  before=$(done_by "$2") from=$(date +%s%N)
  sleep 1
  after=$(done_by "$2") to=$(date +%s%N)
  kill -STOP -- "-${!2}"
  echo "$1 $2 $((after - before)) $((to - from))" >>"$room/results"
}
for ((round = 0; round < rounds; round++)); do
  for beside in nobody one each; do
    [[ $beside == nobody ]] || kill -CONT -- "-${!beside}"
    for name in free ours plain ours free plain; do measure $beside $name; done
    [[ $beside == nobody ]] || kill -STOP -- "-${!beside}"
  done
done

awk -v batch=$batch -v cores="$cores" '
  { done[$1, $2] += $3; seconds[$1, $2] += $4 / 1e9 }
  function rate(beside, name) { return done[beside, name] / seconds[beside, name] }
  function kept(beside, name) {
    return rate(beside, name) / rate("nobody", name) / (rate(beside, "free") / rate("nobody", "free"))
  }
  END {
    printf "%-8s %12s %22s %22s\n", "beside", "fair share", "as it is", "as LibTorch waits"
    split("nobody one each", all)
    for (i = 1; i <= 3; i++)
      printf "%-8s %7.2f cores %9.1f/s kept %4.2f %10.1f/s kept %4.2f\n", all[i],
        rate(all[i], "free") / 100, rate(all[i], "ours") * batch, kept(all[i], "ours"),
        rate(all[i], "plain") * batch, kept(all[i], "plain")
    printf "cost on a quiet machine: %.3f; it was %.0f %% quiet\n",
      1 - rate("nobody", "ours") / rate("nobody", "plain"), rate("nobody", "free") / cores
  }' "$room/results"
