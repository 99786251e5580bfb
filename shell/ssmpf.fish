# Keys and functions of ssmpf for fish. `ssmpf init fish` prints this behind the user's settings:
#
#   SSMPF_KEY_INSERT    key that inserts picked names, as `bind` writes keys; empty: none
#   SSMPF_KEY_CONNECT   key that connects what is picked; empty: none
#   SSMPF_FUNCTION      name of the function that does the same; empty: none

# Puts what was picked at the cursor, quoted, and leaves the rest of the line as it is.
function __ssmpf_insert
    set -l picked (command ssmpf pick --multi </dev/tty)
    if set -q picked[1]
        commandline --insert -- (string join ' ' -- (string escape -- $picked))' '
    end
    commandline --function repaint
end

# Prints the command line for what was picked: the program says what to do, and with what.
function __ssmpf_choose
    set -l picked (command ssmpf pick --multi --with-action $argv </dev/tty)
    or return
    set -q picked[1]
    and string join ' ' -- ssmpf (string escape -- $picked)
end

# Runs the command line for what was picked, as if it had been typed.
function __ssmpf_connect
    set -l line (__ssmpf_choose)
    if set -q line[1]
        commandline --replace -- $line
        commandline --function execute
    else
        commandline --function repaint
    end
end

# Picks, and connects what was picked. Words behind it are the first query.
function __ssmpf_go
    set -l query
    set -q argv[1]
    and set query --query "$argv"
    set -l line (__ssmpf_choose $query)
    or return
    eval "command $line"
end

# Whether a key does only what fish itself has put there.
function __ssmpf_is_free
    not builtin bind --user $argv >/dev/null 2>&1
end

# The insert key: what the user wants, else Ctrl-T, else Alt-T, else none.
# The connect key: what the user wants, else Alt-J, else none.
function __ssmpf_bind
    for mode in default insert
        set -l key
        if set -q SSMPF_KEY_INSERT
            set key $SSMPF_KEY_INSERT
        else if __ssmpf_is_free -M $mode \ct
            set key \ct
        else if __ssmpf_is_free -M $mode \et
            set key \et
        end
        test -n "$key"
        and builtin bind -M $mode $key __ssmpf_insert
        set key
        if set -q SSMPF_KEY_CONNECT
            set key $SSMPF_KEY_CONNECT
        else if __ssmpf_is_free -M $mode \ej
            set key \ej
        end
        test -n "$key"
        and builtin bind -M $mode $key __ssmpf_connect
    end
    return 0
end

# A function that the user can name, unless something has that name already.
function __ssmpf_name_function
    set -l name sf
    set -q SSMPF_FUNCTION
    and set name "$SSMPF_FUNCTION"
    if string match --quiet --regex '^[A-Za-z_][A-Za-z0-9_-]*$' -- $name
        and not type --query -- $name
        function $name --wraps __ssmpf_go
            __ssmpf_go $argv
        end
    end
end

if status is-interactive
    and not set -q __ssmpf_loaded
    set -g __ssmpf_loaded 1
    __ssmpf_name_function
    __ssmpf_bind
end
