# Completions of ssmpf for fish. For each TAB the program is asked for the candidates.

function __ssmpf_complete
    SSMPF_COMPLETE=fish command ssmpf -- (commandline --tokenize --current-process --cut-at-cursor) (commandline --current-token --cut-at-cursor) 2>/dev/null
end

complete --command ssmpf --no-files --keep-order --arguments '(__ssmpf_complete)'
