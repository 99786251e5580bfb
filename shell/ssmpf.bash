# Keys and functions of ssmpf for bash. `ssmpf init bash` prints this behind the user's settings:
#
#   SSMPF_KEY_INSERT    key that inserts picked names, as `bind` writes keys; empty: none
#   SSMPF_KEY_CONNECT   key that connects what is picked; empty: none
#   SSMPF_FUNCTION      name of the function that does the same; empty: none

# Puts what was picked at the cursor, quoted, and leaves the rest of the line as it is.
__ssmpf_insert() {
    local name text='' picked
    picked=$(\command ssmpf pick --multi) || \builtin return 0
    while IFS= \builtin read -r name; do
        if [[ -n $name ]]; then
            \builtin printf -v name '%q' "$name"
            text+="$name "
        fi
    done <<<"$picked"
    READLINE_LINE=${READLINE_LINE:0:$READLINE_POINT}$text${READLINE_LINE:$READLINE_POINT}
    READLINE_POINT=$((READLINE_POINT + ${#text}))
}

# Prints the command line for what was picked: the program says what to do, and with what.
__ssmpf_choose() {
    local name line picked
    picked=$(\command ssmpf pick --multi --with-action ${1+"$@"}) || \builtin return 1
    line=ssmpf
    while IFS= \builtin read -r name; do
        \builtin printf -v name '%q' "$name"
        line+=" $name"
    done <<<"$picked"
    [[ -n $picked ]] && \builtin printf '%s\n' "$line"
}

# Has readline run the command line for what was picked, as if it had been typed. A line that was
# typed before goes to the history.
__ssmpf_connect() {
    local line
    if line=$(__ssmpf_choose); then
        [[ -z $READLINE_LINE ]] || \builtin history -s -- "$READLINE_LINE"
        READLINE_LINE=$line
        READLINE_POINT=${#line}
        \builtin bind -m "$1" '"\C-x\C-_S2": accept-line'
    else
        \builtin bind -m "$1" '"\C-x\C-_S2": redraw-current-line'
    fi
}

# Picks, and connects what was picked. Words behind it are the first query.
__ssmpf_go() {
    local line
    line=$(__ssmpf_choose ${1+--query "$*"}) || \builtin return $?
    \builtin history -s -- "$line" 2>/dev/null
    \builtin eval "\\command $line"
}

# Whether a key does nothing in a keymap, or only what bash itself has put there. Bash before 4.3
# cannot list the keys that run commands.
__ssmpf_is_free() {
    local line
    while IFS= \builtin read -r line; do
        case $line in
            "\"$2\": transpose-chars" | "\"$2\": transpose-words" | "\"$2\": self-insert") ;;
            "\"$2\""*) \builtin return 1 ;;
        esac
    done <<<"$(\builtin bind -m "$1" -p; \builtin bind -m "$1" -s; \builtin bind -m "$1" -X 2>/dev/null)"
    \builtin return 0
}

# The insert key: what the user wants, else Ctrl-T, else Alt-T, else none.
__ssmpf_bind_insert() {
    local key
    if [[ -n ${SSMPF_KEY_INSERT+set} ]]; then
        key=$SSMPF_KEY_INSERT
    elif __ssmpf_is_free "$1" '\C-t'; then
        key='\C-t'
    elif __ssmpf_is_free "$1" '\et'; then
        key='\et'
    else
        key=''
    fi
    [[ -z $key ]] || \builtin bind -m "$1" -x "\"$key\": __ssmpf_insert"
}

# The connect key: what the user wants, else Alt-J, else none. Among the keys of vi, Alt would be
# Escape and then the letter; there it has to be wished for.
__ssmpf_bind_connect() {
    local key=''
    if [[ -n ${SSMPF_KEY_CONNECT+set} ]]; then
        key=$SSMPF_KEY_CONNECT
    elif [[ $1 != vi* ]] && __ssmpf_is_free "$1" '\ej'; then
        key='\ej'
    fi
    if [[ -n $key ]]; then
        \builtin bind -m "$1" -x "\"\\C-x\\C-_S1\": __ssmpf_connect $1"
        \builtin bind -m "$1" "\"$key\": \"\\C-x\\C-_S1\\C-x\\C-_S2\""
    fi
}

# A function that the user can name, unless something has that name already.
__ssmpf_name_function() {
    local name=${SSMPF_FUNCTION-sf}
    if [[ $name =~ ^[A-Za-z_][A-Za-z0-9_-]*$ ]] && ! \builtin type "$name" >/dev/null 2>&1; then
        \builtin eval "$name() { __ssmpf_go \${1+\"\$@\"}; }"
    fi
}

if [[ $- == *i* && -z ${__ssmpf_loaded-} ]]; then
    __ssmpf_loaded=1
    __ssmpf_name_function
    if [[ ${BASH_VERSINFO[0]} -ge 4 ]]; then
        # Without line editing there are no keys.
        if [[ :$SHELLOPTS: == *:emacs:* || :$SHELLOPTS: == *:vi:* ]]; then
            for __ssmpf_keymap in emacs-standard vi-insert; do
                __ssmpf_bind_insert "$__ssmpf_keymap"
                # It is bound through a sequence of several keys.
                if [[ ${BASH_VERSINFO[0]} -gt 4 || ${BASH_VERSINFO[1]} -ge 3 ]]; then
                    __ssmpf_bind_connect "$__ssmpf_keymap"
                fi
            done
            \builtin unset __ssmpf_keymap
            if [[ ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -lt 3 && -n "${SSMPF_KEY_CONNECT-x}" ]]; then
                \builtin printf '%s\n' "ssmpf: the key that connects needs bash 4.3 or later" >&2
            fi
        fi
    elif [[ -n "${SSMPF_KEY_INSERT-x}${SSMPF_KEY_CONNECT-x}" ]]; then
        \builtin printf '%s\n' "ssmpf: the keys need bash 4 or later; TAB and functions work" >&2
    fi
fi
