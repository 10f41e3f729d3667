# SPDX-License-Identifier: MIT
#
# Completion for bash: the command itself says what may follow (gdb/threadleak/completion.py).

_threadleak()
{
    local line typed=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files)
                compopt -o filenames 2>/dev/null
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$typed")
                ;;
            :command\ *)
                if declare -F _command_offset >/dev/null; then
                    _command_offset "${line#* }"
                elif ((COMP_CWORD == ${line#* })); then
                    mapfile -t COMPREPLY < <(compgen -c -- "$typed")
                else
                    mapfile -t COMPREPLY < <(compgen -f -- "$typed")
                fi
                ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("${COMP_WORDS[0]}" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _threadleak threadleak
