//! The keys and functions of `ssmpf init`, typed and answered in the real shells.

use std::os::unix::fs::PermissionsExt;

use ssmpf_tests::shell::PROMPT;
use ssmpf_tests::{Shell, Terminal, keys};

use crate::background::Cleanup;
use crate::completion::some_connections;

const CTRL_T: &str = "\x14";
const ALT_T: &str = "\x1bt";
const ALT_J: &str = "\x1bj";
const CTRL_G: &str = "\x07";
const LEFT: &str = "\x1b[D";

/// Waits until the picker is there.
#[track_caller]
fn wait_for_picker(terminal: &mut Terminal) {
    terminal.wait_for("3/3").wait_for("orders-db");
}

/// Waits until the command line is so.
#[track_caller]
fn wait_for_line(terminal: &mut Terminal, line: &str) {
    let whole = format!("{PROMPT}{line}");
    terminal
        .wait_until(&whole, |screen| screen.lines().any(|it| it.trim_end() == whole.trim_end()));
}

#[test]
fn ctrl_t_puts_names_at_the_cursor_and_leaves_the_rest_of_the_line() {
    for shell in Shell::ALL {
        let env = some_connections();
        let mut terminal = shell.start(&env);
        terminal.send("echo größe  tail");
        wait_for_line(&mut terminal, "echo größe  tail");
        terminal.send(&LEFT.repeat(" tail".len())).send(CTRL_T);
        wait_for_picker(&mut terminal);
        terminal.send("web").wait_for("2/3").send(keys::TAB).send(keys::TAB).send(keys::ENTER);
        wait_for_line(&mut terminal, "echo größe web web-2  tail");
        // The cursor stands behind what was inserted.
        terminal.send("x");
        wait_for_line(&mut terminal, "echo größe web web-2 x tail");
        terminal.send(keys::ENTER).wait_for("\ngröße web web-2 x tail");
    }
}

#[test]
fn escape_leaves_the_line_as_it_was() {
    for shell in Shell::ALL {
        let env = some_connections();
        for key in [CTRL_T, ALT_J] {
            let mut terminal = shell.start(&env);
            terminal.send("echo un");
            wait_for_line(&mut terminal, "echo un");
            terminal.send(key);
            wait_for_picker(&mut terminal);
            terminal.send(keys::ESCAPE);
            terminal.wait_until("no picker", |screen| !screen.contains("3/3"));
            terminal.send("touched").send(keys::ENTER).wait_for("\nuntouched");
        }
    }
}

#[test]
fn alt_j_runs_connect_for_what_was_picked() {
    for shell in Shell::ALL {
        let env = some_connections();
        let mut terminal = shell.start(&env);
        terminal.send(ALT_J);
        wait_for_picker(&mut terminal);
        terminal.wait_for("Alt-U up").send("orders-db").wait_for("1/3").send(keys::ENTER);
        terminal.wait_for(&format!("{PROMPT}ssmpf connect orders-db"));
        // It runs in the foreground until Ctrl-C, as if typed.
        terminal.wait_for("ready in").send(keys::CTRL_C);
        terminal.wait_until("the prompt again", |screen| screen.matches(PROMPT).count() >= 2);
    }
}

#[test]
fn sf_picks_and_brings_up() {
    for shell in Shell::ALL {
        let env = some_connections();
        let _cleanup = Cleanup(&env);
        let mut terminal = shell.start(&env);
        terminal.type_line("sf orders-db");
        terminal.wait_for("1/3").send("\x1bu").wait_for("orders-db").wait_for("ready");
        terminal.type_line("ssmpf prompt").wait_for("⇄ orders-db");
        terminal.type_line("ssmpf down --all && echo all down").wait_for("\nall down");
    }
}

#[test]
fn a_key_that_somebody_uses_is_left_to_them() {
    let env = some_connections();
    let bindings = [
        (Shell::Bash, r#"bind -x '"\C-t": echo mine'"#),
        (Shell::Zsh, "mine() { echo mine }; zle -N mine; bindkey '^T' mine"),
        (Shell::Fish, r"bind \ct 'echo mine'"),
    ];
    for (shell, binding) in bindings {
        let mut terminal = shell.start_with(&env, "", &format!("{binding}\n{}", shell.init_line()));
        terminal.send(CTRL_T).wait_for("mine");
        assert!(!terminal.screen().contains("3/3"), "{}", terminal.screen());
        terminal.type_line("echo new line").wait_for("\nnew line").wait_for(PROMPT);
        terminal.send(ALT_T);
        wait_for_picker(&mut terminal);
        terminal.send(keys::ESCAPE);
    }
}

#[test]
fn keys_and_function_can_be_chosen_and_switched_off() {
    let env = some_connections();
    for (shell, key) in [(Shell::Bash, r"\C-g"), (Shell::Zsh, "^G"), (Shell::Fish, r"\cg")] {
        let set = |name: &str, value: &str| match shell {
            Shell::Fish => format!("set -gx {name} {value}\n"),
            _ => format!("export {name}='{value}'\n"),
        };
        let off = if shell == Shell::Fish { "''" } else { "" };
        let before = format!(
            "{}{}{}",
            set("SSMPF_KEY_INSERT", key),
            set("SSMPF_KEY_CONNECT", off),
            set("SSMPF_FUNCTION", "pf")
        );
        let mut terminal = shell.start_with(&env, &before, shell.init_line());
        terminal.send("echo ").send(CTRL_G);
        wait_for_picker(&mut terminal);
        terminal.send("orders-db").wait_for("1/3").send(keys::ENTER);
        wait_for_line(&mut terminal, "echo orders-db ");
        terminal.send(keys::CTRL_U).type_line("type sf >/dev/null 2>&1 || echo no such function");
        terminal.wait_for("\nno such function").type_line("pf orders-db");
        terminal.wait_for("1/3").send(keys::ESCAPE);
    }
}

#[test]
fn loading_twice_and_strict_shells_do_no_harm() {
    let env = some_connections();
    let zsh = "emulate -L zsh; setopt no_unset err_exit; eval \"$(ssmpf init zsh)\"";
    let cases = [
        (Shell::Bash, "set -eu; alias cat=false ls=false grep=false command=false".to_owned(), ""),
        (Shell::Bash, "set -o vi; set -u".to_owned(), ""),
        (Shell::Zsh, "setopt no_unset; alias cat=false ls=false print=false".to_owned(), ""),
        (Shell::Zsh, "bindkey -v".to_owned(), ""),
        (Shell::Zsh, "setopt ksh_arrays sh_word_split".to_owned(), ""),
        (Shell::Zsh, format!("load() {{ {zsh} }}; load"), ""),
        (Shell::Fish, "fish_vi_key_bindings".to_owned(), ""),
    ];
    for (shell, before, keys_before) in cases {
        let twice = format!("{before}\n{0}\n{0}", shell.init_line());
        let mut terminal = shell.start_with(&env, "", &twice);
        let screen = terminal.screen();
        // fish says which keys of vi are in force.
        let said = screen.trim().trim_start_matches("[I] ");
        assert_eq!(said, PROMPT.trim(), "{shell:?} with {before} has something to say");
        terminal.send(keys_before).send("echo ").send(CTRL_T);
        wait_for_picker(&mut terminal);
        terminal.send("orders-db").wait_for("1/3").send(keys::ENTER);
        terminal.wait_for("echo orders-db").send(keys::ENTER).wait_for("\norders-db");
    }
}

/// Whatever a later version may call things: what is inserted is what was picked.
const STRANGE: [&str; 7] =
    ["a b", "it's", "$HOME", "\"x\"", "`id`;&|<>", "back\\slash", "-größe*?[~]#!"];

#[test]
fn what_needs_quotes_gets_them() {
    for shell in Shell::ALL {
        let env = some_connections();
        std::fs::write(env.home().join("picked"), STRANGE.join("\n") + "\n").unwrap();
        // Stands for the program: it has picked already.
        let folder = env.home().join("stub");
        std::fs::create_dir(&folder).unwrap();
        let stub = format!("#!/bin/sh\ncat '{}/picked'\n", env.home().display());
        let file = folder.join("ssmpf");
        std::fs::write(&file, stub).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = match shell {
            Shell::Fish => format!("set -gx PATH '{}' $PATH", folder.display()),
            _ => format!("PATH='{}':$PATH", folder.display()),
        };
        let mut terminal = shell.start_with(&env, "", &format!("{}\n{path}", shell.init_line()));
        terminal.send("printf '<%s>\\n' ").send(CTRL_T);
        // The last one is on the line in whatever form.
        terminal.wait_for("größe").send(keys::ENTER);
        for name in STRANGE {
            terminal.wait_for(&format!("<{name}>"));
        }
    }
}

#[test]
fn setups_that_wrap_every_widget_go_on_working() {
    let env = some_connections();
    // What oh-my-zsh and the plugins that people load with it do: options, aliases, colours, and
    // every widget replaced by one that calls it.
    let before = "setopt auto_cd multios prompt_subst extended_glob long_list_jobs\n\
        setopt inc_append_history share_history hist_ignore_space complete_in_word always_to_end\n\
        alias -g G='| grep' L='| less'; alias ls='ls --color=tty' cat='false' _='sudo '\n\
        autoload -Uz colors add-zsh-hook url-quote-magic bracketed-paste-magic && colors\n\
        zle -N self-insert url-quote-magic; zle -N bracketed-paste bracketed-paste-magic\n\
        bindkey -e; zstyle ':completion:*' menu select";
    let wrap = "for widget in ${(k)widgets}; do\n\
          case $widget in .*|_*|orig-*|zle-*|autosuggest-*|beep|run-help|set-local-history|\
        which-command|yank*|url-quote-magic|self-insert) ;;\n\
          *) zle -A $widget orig-$widget 2>/dev/null &&\n\
             eval \"wrapped-$widget() { zle orig-$widget -- \\\"\\$@\\\" }\" &&\n\
             zle -N $widget wrapped-$widget ;;\n\
          esac\n\
        done";
    let after = format!("{before}\n{}\n{wrap}", Shell::Zsh.init_line());
    let mut terminal = Shell::Zsh.start_with(&env, "", &after);
    terminal.send("echo ").send(CTRL_T);
    wait_for_picker(&mut terminal);
    terminal.send("orders-db").wait_for("1/3").send(keys::ENTER);
    terminal.wait_for("echo orders-db").send(keys::ENTER).wait_for("\norders-db");
    terminal.send("ssmpf show or").send(keys::TAB).wait_for("show orders-db ");
}

#[test]
fn shells_that_are_not_interactive_get_nothing() {
    let env = some_connections();
    for shell in Shell::ALL {
        let finished = shell.run(&env, &format!("{}; echo fine", shell.init_line()));
        assert_eq!(
            (finished.stdout.as_str(), finished.stderr.as_str()),
            ("fine\n", ""),
            "{shell:?}"
        );
    }
}
