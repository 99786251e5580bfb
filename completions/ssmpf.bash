# Completions of ssmpf for bash, from 3.2 on. For each TAB the program is asked for the candidates.

__ssmpf_complete() {
    local piece word='' rest="${COMP_LINE:0:$COMP_POINT}" prefix value IFS=$' \t\n'
    local -a words
    local at
    words=()
    # Bash cuts words at = : and @ as well; what the program calls a word ends at a blank.
    for ((at = 0; at < COMP_CWORD; at++)); do
        piece=${COMP_WORDS[at]}
        if [[ $rest == [[:blank:]]* ]]; then
            words+=("$word")
            word=''
            rest=${rest#"${rest%%[![:blank:]]*}"}
        fi
        word+=$piece
        rest=${rest#"$piece"}
    done
    if [[ $rest == [[:blank:]]* ]]; then
        words+=("$word")
        word=''
        rest=${rest#"${rest%%[![:blank:]]*}"}
    fi
    word+=$rest
    # Only the part behind the last cut is replaced. `$2` is that part, but a lone cut character.
    piece=$2
    case $piece in =|:) piece='' ;; esac
    case $word in
        *"$piece") prefix=${word%"$piece"} ;;
        *) prefix='' ;;
    esac
    # Quotes are the shell's affair.
    words+=("$word")
    for ((at = 0; at < ${#words[@]}; at++)); do
        word=${words[at]}
        words[at]=${word//[\"\'\\]/}
    done
    prefix=${prefix//[\"\'\\]/}
    COMPREPLY=()
    while IFS= \builtin read -r value; do
        value=${value#"$prefix"}
        \builtin printf -v piece '%q' "$value"
        # Most words are complete; a folder or `tag:` goes on.
        case $value in
            */|*=|*:) ;;
            *) piece+=' ' ;;
        esac
        COMPREPLY+=("$piece")
    done < <(SSMPF_COMPLETE=bash \command ssmpf -- "${words[@]}" 2>/dev/null)
}

# Candidates have the blank behind them already; bash older than 4.4 sorts them itself.
if [[ ${BASH_VERSINFO[0]} -gt 4 || (${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4) ]]; then
    \builtin complete -o nospace -o nosort -F __ssmpf_complete ssmpf
else
    \builtin complete -o nospace -F __ssmpf_complete ssmpf
fi
