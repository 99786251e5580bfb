# Completions, keys and functions of ssmpf for Nushell, with the plugin or without it.
#
# `ssmpf init nu` prints this, and behind it an alias for `__ssmpf go`. Settings, made before:
#
#   $env.SSMPF_KEY_INSERT    key that inserts picked names, as "control char_t"; empty: none
#   $env.SSMPF_KEY_CONNECT   key that connects what is picked; empty: none

# Candidates for the last of these words, from the program, which asks nobody.
def "__ssmpf complete" [words: list<string>]: nothing -> list<any> {
    # A word that is being typed may have only its first quote yet.
    let words = $words | each {|word| $word | str trim --char '"' | str trim --char "'" | str trim --char '`' }
    let lines = try {
        with-env {SSMPF_COMPLETE: nushell} { ^ssmpf -- ssmpf ...($words | skip 1) } | lines
    } catch {
        []
    }
    $lines | each {|line|
        let parts = $line | split row --number 2 (char tab)
        {value: ($parts | first), description: ($parts | get --optional 1 | default '')}
    }
}

# What was picked. Who leaves without a choice has picked nothing; what went wrong is on the screen.
def --wrapped "__ssmpf pick" [...flags: string]: nothing -> list<string> {
    try { ^ssmpf pick --multi ...$flags | lines } catch { [] }
}

# Words as they are typed.
def "__ssmpf line" []: list<string> -> string {
    $in | each {|word| if $word =~ '^[A-Za-z0-9._-]+$' { $word } else { $word | to nuon } } | str join ' '
}

# Puts what was picked at the cursor, and leaves the rest of the line as it is.
def "__ssmpf insert" []: nothing -> nothing {
    let picked = __ssmpf pick
    if ($picked | is-not-empty) {
        commandline edit --insert $"($picked | __ssmpf line) "
    }
}

# Runs the command line for what was picked, as if it had been typed: the program says what to do, and
# with what. The caret calls the program rather than the plugin, which would answer with tables.
def "__ssmpf connect" []: nothing -> nothing {
    let picked = __ssmpf pick --with-action
    if ($picked | is-not-empty) {
        commandline edit --accept --replace $"^ssmpf ($picked | __ssmpf line)"
    }
}

# Picks, and connects what was picked. Words behind it are the first query.
def --wrapped "__ssmpf go" [...words: string]: nothing -> any {
    let query = if ($words | is-empty) { [] } else { ['--query' ($words | str join ' ')] }
    let picked = __ssmpf pick --with-action ...$query
    if ($picked | is-not-empty) { ^ssmpf ...$picked }
}

# The key that the user wants, else the first of the usual ones that nobody uses yet, else none.
def "__ssmpf key" [wanted: any, ...usual: string]: nothing -> any {
    let taken = $env.config.keybindings | each {|it| $"($it.modifier) ($it.keycode)" | str lowercase }
    let keys = if $wanted == null { $usual | where {|it| $it not-in $taken } } else { [$wanted] }
    $keys | parse '{modifier} {keycode}' | get --optional 0
}

# The marker is a record: programs do not inherit it, and neither does a Nushell within this one.
if $nu.is-interactive and '__ssmpf' not-in $env {
    let previous = $env.config.completions.external.completer?
    $env.__ssmpf = {completer: $previous}
    $env.config.completions.external.completer = {|words|
        if ($words | first | path basename) in [ssmpf ssmpf.exe] {
            __ssmpf complete $words
        } else if $previous != null {
            do $previous $words
        }
    }
    let keys = [
        [name key command];
        [ssmpf_insert (__ssmpf key $env.SSMPF_KEY_INSERT? 'control char_t' 'alt char_t') '__ssmpf insert']
        [ssmpf_connect (__ssmpf key $env.SSMPF_KEY_CONNECT? 'alt char_j') '__ssmpf connect']
    ]
    $env.config.keybindings ++= $keys | where key != null | each {|it| {
        name: $it.name
        modifier: $it.key.modifier
        keycode: $it.key.keycode
        mode: [emacs vi_insert vi_normal]
        event: {send: executehostcommand cmd: $it.command}
    } }
}
