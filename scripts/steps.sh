# Sourced. Runs steps under headings and counts how they end.
# shellcheck shell=sh
passed=0
failed=0
skipped=0
failures=''

# step NAME COMMAND [ARGUMENT...]
step() {
    step_name=$1
    shift
    printf '\n== %s\n' "$step_name"
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $step_name"
        failed=$((failed + 1))
        failures="$failures
    $step_name"
    fi
}

# skip NAME REASON
skip() {
    printf '\n== %s\nSKIPPED: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}

# The last lines: which steps failed, and how many of each.
finish() {
    printf '\n'
    [ -z "$failures" ] || printf 'Failed:%s\n' "$failures"
    if [ "$skipped" -eq 0 ]; then
        echo "STEPS: $passed passed, $failed failed"
    else
        echo "STEPS: $passed passed, $failed failed, $skipped skipped"
    fi
    [ "$failed" -eq 0 ]
    exit
}
