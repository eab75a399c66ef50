#!/usr/bin/env bash
# learner.sh ID CONF [OPTION...]; see start.sh, found through any chain of links to this file.
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/start.sh" learner "$@"
