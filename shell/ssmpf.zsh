# Keys and functions of ssmpf for zsh. `ssmpf init zsh` prints this behind the user's settings:
#
#   SSMPF_KEY_INSERT    key that inserts picked names, as `bindkey` writes keys; empty: none
#   SSMPF_KEY_CONNECT   key that connects what is picked; empty: none
#   SSMPF_FUNCTION      name of the function that does the same; empty: none

# Puts what was picked at the cursor, quoted, and leaves the rest of the line as it is.
__ssmpf_insert() {
    \builtin emulate -L zsh
    \builtin setopt no_err_exit no_err_return
    local name picked
    if picked=$(\command ssmpf pick --multi </dev/tty); then
        for name in "${(@f)picked}"; do
            [[ -z $name ]] || LBUFFER+="${(q)name} "
        done
    fi
    \builtin zle reset-prompt
}

# Prints the command line for what was picked: the program says what to do, and with what.
__ssmpf_choose() {
    \builtin emulate -L zsh
    \builtin setopt no_err_exit no_err_return
    local picked
    picked=$(\command ssmpf pick --multi --with-action "$@" </dev/tty) || \builtin return
    [[ -n $picked ]] || \builtin return 1
    \builtin print -r -- "ssmpf ${(@q)${(@f)picked}}"
}

# Runs the command line for what was picked, as if it had been typed. A line that was typed before
# comes back afterwards.
__ssmpf_connect() {
    \builtin emulate -L zsh
    \builtin setopt no_err_exit no_err_return
    local line
    if line=$(__ssmpf_choose); then
        [[ -z $BUFFER ]] || \builtin zle push-line
        BUFFER=$line
        \builtin zle reset-prompt
        \builtin zle accept-line
    else
        \builtin zle reset-prompt
    fi
}

# Picks, and connects what was picked. Words behind it are the first query.
__ssmpf_go() {
    \builtin emulate -L zsh
    \builtin setopt no_err_exit no_err_return
    local line
    local -a query
    (( $# )) && query=(--query "$*")
    line=$(__ssmpf_choose "${query[@]}") || \builtin return
    \builtin print -rs -- "$line"
    \builtin eval "\\command $line"
}

# Whether a key does nothing in a keymap, or only what zsh itself has put there.
__ssmpf_is_free() {
    \builtin emulate -L zsh
    case ${"$(\builtin bindkey -M $1 -- $2)"##* } in
        (undefined-key|self-insert|transpose-chars|transpose-words) \builtin return 0 ;;
        (*) \builtin return 1 ;;
    esac
}

# The insert key: what the user wants, else Ctrl-T, else Alt-T, else none.
# The connect key: what the user wants, else Alt-J, else none. Among the keys of vi, Alt would be
# Escape and then the letter; there it has to be wished for.
__ssmpf_bind() {
    \builtin emulate -L zsh
    \builtin setopt no_err_exit no_err_return
    local keymap key
    for keymap in emacs viins; do
        if (( ${+SSMPF_KEY_INSERT} )); then
            key=$SSMPF_KEY_INSERT
        elif __ssmpf_is_free $keymap '^T'; then
            key='^T'
        elif __ssmpf_is_free $keymap '^[t'; then
            key='^[t'
        else
            key=''
        fi
        [[ -z $key ]] || \builtin bindkey -M $keymap -- $key __ssmpf_insert
        key=''
        if (( ${+SSMPF_KEY_CONNECT} )); then
            key=$SSMPF_KEY_CONNECT
        elif [[ $keymap != vi* ]] && __ssmpf_is_free $keymap '^[j'; then
            key='^[j'
        fi
        [[ -z $key ]] || \builtin bindkey -M $keymap -- $key __ssmpf_connect
    done
    \builtin return 0
}

# A function that the user can name, unless something has that name already.
__ssmpf_name_function() {
    \builtin emulate -L zsh
    local name=${SSMPF_FUNCTION-sf}
    if [[ $name =~ '^[A-Za-z_][A-Za-z0-9_-]*$' ]] && ! \builtin whence -- $name >/dev/null; then
        functions[$name]='__ssmpf_go "$@"'
    fi
}

if [[ -o interactive && -z ${__ssmpf_loaded-} ]]; then
    typeset -g __ssmpf_loaded=1
    __ssmpf_name_function
    if [[ -o zle ]]; then
        \builtin zle -N __ssmpf_insert
        \builtin zle -N __ssmpf_connect
        __ssmpf_bind
    fi
fi
