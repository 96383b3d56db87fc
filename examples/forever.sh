#!/bin/sh
# Runs a training command again until it is done:
#
#     examples/forever.sh WORK_DIR COMMAND...
#     examples/forever.sh ./exp_per_part .venv/bin/python train_per_part.py --work-dir ./exp_per_part
#
# Ends with 0 (done), 2 (a person must look), 126 and 127 (cannot be started) and 130 (a person's Ctrl+C); comes back
# after any other end: killed (137), crashed (1, which is also all that torchrun says), told to leave by a scheduler
# (143, 138), out of time (75), a full disk (74). SIGTERM and SIGUSR1 to this script are passed on, and end it.

tries=${TRIES:-5} # starts in a row that bring no step more; then it gives up with the last exit code
longest=${LONGEST:-60} # seconds between two starts at most; begins with 1, doubles while nothing is gained
python=${PYTHON:-.venv/bin/python}
work_dir=$1
shift

main() {
    trap 'ending=1 heard=1' INT # the terminal has told the command too: twice would mean "at once"
    trap 'pass TERM' TERM
    trap 'pass USR1' USR1
    left=$tries pause=1 before=$(place)
    while :; do
        attempt "$@"
        case $code in 0 | 2 | 126 | 127 | 130) exit "$code" ;; esac
        [ -z "$ending" ] || exit "$code"
        after=$(place)
        if [ "$after" != "$before" ]; then
            left=$tries pause=1 before=$after
        else
            left=$((left - 1)) pause=$((pause * 2))
        fi
        if [ "$left" -le 0 ]; then
            echo "forever: $tries starts without progress (step ${after:-none}): giving up with exit code $code" >&2
            exit "$code"
        fi
        [ "$pause" -le "$longest" ] || pause=$longest
        echo "forever: ended with $code at step ${after:-none}; again in $pause s" >&2
        sleep "$pause" &
        child=$!
        await
        [ -z "$ending" ] || exit "$code"
    done
}

attempt() {
    "$@" &
    child=$!
    await
    code=$last
}

await() { # a signal interrupts wait: ask again, and keep the answer that is the command's own
    last=127
    while :; do
        heard=
        wait "$child"
        said=$?
        [ "$said" -eq 127 ] || last=$said
        [ -n "$heard" ] || return 0
    done
}

pass() {
    ending=1 heard=1
    kill -s "$1" "$child" 2>/dev/null
}

place() { # the step of the newest state
    "$python" -m unbroken list --json "$work_dir" 2>/dev/null | sed -n 's/^ *"step": \([0-9]*\).*/\1/p' | head -n 1
}

ending='' heard='' child=
main "$@"
