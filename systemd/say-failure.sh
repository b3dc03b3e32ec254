#!/bin/sh
# Says in one line of the journal that a unit gave up: why, what the arm does now, and what a person can do.
#
#   say-failure.sh UNIT [TITLE WHAT_THE_ARM_DOES]
#
# A shell, because what gave up may be the Python of the installation.
set -eu

unit=$1
name=${unit%.service}

result="" status="" burst="" interval="" last=""
while IFS='=' read -r key value; do
	case $key in
	Result) result=$value ;;
	ExecMainStatus) status=$value ;;
	StartLimitBurst) burst=$value ;;
	StartLimitIntervalUSec) interval=$value ;;
	StatusText) last=$value ;;
	esac
done <<EOT
$(systemctl show -p Result,ExecMainStatus,StartLimitBurst,StartLimitIntervalUSec,StatusText -- "$unit")
EOT

case $name in
forerun-policy) priority=2 effect="The arm holds where it is." ;;
forerun-record) priority=4 effect="The robot goes on; no flight is recorded." ;;
forerun-page) priority=4 effect="The robot goes on; nobody sees its page and its metrics." ;;
*) priority=2 effect="" ;;
esac
title=${2:-"A PERSON IS NEEDED"}
if [ "$priority" -gt 2 ]; then
	title="Without effect on the arm"
fi
effect=${3:-$effect}

case $result in
watchdog) why="it made no progress, and its watchdog ended it" ;;
exit-code) why="it ended with exit status $status" ;;
signal | core-dump) why="it was ended by signal $status" ;;
timeout) why="it took too long to start or to end" ;;
oom-kill) why="the machine ran out of memory" ;;
protocol) why="it ended before it was ready" ;;
resources) why="the system could not start it" ;;
"") why="the system does not say why" ;;
*) why="$result" ;;
esac
if [ "$result" = exit-code ] && [ "$status" = 2 ]; then
	why="it refused its files (exit status 2); its last lines say which"
else
	why="$why, the last of $burst starts within $interval"
fi
if [ -n "$last" ]; then
	why="$why; it was last: $last"
fi
echo "<$priority>$title: $name gave up: $why. $effect" \
	"Look: journalctl -b -e -u $name; forerun doctor. Go on, when that is safe: sudo forerun start"
