set edit:completion:arg-completer[ssmpf] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) SSMPF_COMPLETE="elvish" ssmpf -- $@words) | to-lines
}
