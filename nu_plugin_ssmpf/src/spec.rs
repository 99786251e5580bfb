//! What a command of the plugin is: the words that the core knows it by, what it takes, what comes back.
//!
//! A command is data. `commands/` has one file for each, and everything that they have in common is
//! done once, in `command`.

use nu_protocol::{LabeledError, PipelineData, SyntaxShape, Value};

use crate::call::Call;
use crate::columns::Column;

/// What a command does of its own, with what came through the pipe.
pub type Run = fn(&Call<'_>, PipelineData) -> Result<PipelineData, LabeledError>;

/// A command.
pub struct Spec {
    /// Its name in Nushell, such as `ssmpf ls`.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// More about it.
    pub more: &'static str,
    /// Words that find it in `help --find`.
    pub search: &'static [&'static str],
    /// What the core calls it.
    pub words: &'static [&'static str],
    /// What is typed without a flag, in this order.
    pub arguments: &'static [Argument],
    /// Its flags, in groups that commands share.
    pub flags: &'static [&'static [Flag]],
    /// What the core answers.
    pub output: Output,
    /// What becomes of rows that come through the pipe, if they are more than names.
    pub rows: Option<Output>,
    /// Examples; each one is run by a test.
    pub examples: &'static [Sample],
    /// What is done instead of only asking the core.
    pub run: Option<Run>,
}

impl Spec {
    /// What the others are written with `..` from.
    pub const NEW: Spec = Spec {
        name: "",
        about: "",
        more: "",
        search: &[],
        words: &[],
        arguments: &[],
        flags: &[COMMON],
        output: Output::Record { field: None, columns: &[] },
        rows: None,
        examples: &[],
        run: None,
    };

    /// Returns all flags.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().flat_map(|group| group.iter())
    }

    /// Returns the argument that rows or names from the pipe can stand for, and its position.
    pub fn piped(&self) -> Option<(usize, &'static Argument)> {
        self.arguments.iter().enumerate().find(|(_, it)| it.column.is_some())
    }
}

/// Something typed without a flag.
pub struct Argument {
    /// What it is called in the help.
    pub name: &'static str,
    /// A line about it.
    pub about: &'static str,
    /// How many there are.
    pub count: Count,
    /// The column that it is taken from when rows come through the pipe; none: not from there.
    pub column: Option<&'static str>,
    /// Whether the core has candidates for it.
    pub completes: bool,
}

/// How many of an argument there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One.
    One,
    /// One or none.
    Maybe,
    /// Any number, and the last argument.
    Any,
    /// The same, and at least one unless the flag `all` is given.
    Some,
}

/// A flag.
pub struct Flag {
    /// Its long name, the same as the core's.
    pub name: &'static str,
    /// Its short name.
    pub short: Option<char>,
    /// A line about it.
    pub about: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether the core is told. The others are for the plugin.
    pub is_core: bool,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is a switch.
    Nothing,
    /// Text.
    Text,
    /// Text, or a list of texts.
    Texts,
    /// A whole number.
    Int,
    /// A whole number or a word, such as `auto`.
    IntOrWord,
    /// A duration.
    Time,
    /// A file.
    File,
}

impl Takes {
    /// Returns what Nushell parses; none for a switch.
    pub fn shape(self) -> Option<SyntaxShape> {
        let list = || SyntaxShape::List(Box::new(SyntaxShape::String));
        match self {
            Takes::Nothing => None,
            Takes::Text => Some(SyntaxShape::String),
            Takes::Texts => Some(SyntaxShape::OneOf(vec![list(), SyntaxShape::String])),
            Takes::Int => Some(SyntaxShape::Int),
            Takes::IntOrWord => {
                Some(SyntaxShape::OneOf(vec![SyntaxShape::Int, SyntaxShape::String]))
            }
            Takes::Time => Some(SyntaxShape::Duration),
            Takes::File => Some(SyntaxShape::Filepath),
        }
    }
}

/// What the core answers, and what becomes of it.
#[derive(Clone, Copy)]
pub enum Output {
    /// The rows in this field become a table.
    Table {
        /// The field of the document.
        field: &'static str,
        /// Its columns.
        columns: &'static [Column],
    },
    /// A record: the one in this field, or the document itself.
    Record {
        /// The field of the document.
        field: Option<&'static str>,
        /// Its columns.
        columns: &'static [Column],
    },
    /// The words in this field become a list.
    Words {
        /// The field of the document.
        field: &'static str,
    },
    /// The text in this field.
    Text {
        /// The field of the document.
        field: &'static str,
    },
    /// Events, one after the other as they happen.
    Events,
    /// Documents with forwards, one after the other as they change; each forward is a row.
    Forwards,
    /// One or the other, as a flag says.
    If {
        /// The flag.
        flag: &'static str,
        /// When it is given.
        given: &'static Output,
        /// When it is not.
        otherwise: &'static Output,
    },
}

/// An example.
pub struct Sample {
    /// What is typed.
    pub code: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What comes out of it, where it is always the same.
    pub result: Option<fn() -> Value>,
}

/// A flag that the core has too.
pub const fn flag(name: &'static str, takes: Takes, about: &'static str) -> Flag {
    Flag { name, short: None, about, takes, is_core: true }
}

/// The flags that every command has.
pub const COMMON: &[Flag] = &[
    flag("store", Takes::File, "Store of connections"),
    flag("config", Takes::File, "Configuration file of ssmpf instead of the user's own"),
];

/// Which account is meant.
pub const PLACE: &[Flag] = &[
    flag("profile", Takes::Text, "AWS profile; it wins over credentials in the environment"),
    flag("region", Takes::Text, "AWS region"),
];

/// Where lists look.
pub const PLACES: &[Flag] = &[
    flag("profile", Takes::Texts, "AWS profile, or a list of them"),
    flag("region", Takes::Texts, "AWS region, or a list of them"),
    flag("all-regions", Takes::Nothing, "In every region that is enabled for the account"),
];

/// For lists that AWS is asked for.
pub const REFRESH: &[Flag] =
    &[flag("refresh", Takes::Nothing, "Ask AWS even if there is a recent answer")];

/// For all that a list says.
pub const FULL: &[Flag] = &[Flag {
    name: "full",
    short: Some('f'),
    about: "A record: also where it was looked, and what could not be read",
    takes: Takes::Nothing,
    is_core: false,
}];

/// How the sessions behind a forward are looked after.
pub const UPKEEP: &[Flag] = &[
    flag("sessions", Takes::IntOrWord, "How many sessions carry the traffic, or `auto`"),
    flag("lazy", Takes::Nothing, "Start a session only when a client comes"),
    flag("no-lazy", Takes::Nothing, "Start a session at once"),
    flag("idle-timeout", Takes::Time, "End the sessions after so long without a client"),
    flag("keep-alive", Takes::Nothing, "Keep idle sessions open"),
    flag("no-keep-alive", Takes::Nothing, "Let idle sessions end as the administrator has set"),
];

/// The fields of a connection.
pub const FIELDS: &[Flag] = &[
    flag("target", Takes::Texts, "Node: i-…, a Name, tag:KEY=VALUE, an address, asg:…, ecs:…"),
    flag("host", Takes::Text, "Host that the node connects to; without it, the node itself"),
    flag("port", Takes::Int, "Port that the node connects to"),
    flag("local-port", Takes::IntOrWord, "Local port; `auto` chooses one that stays"),
    flag("bind", Takes::Text, "Local address to listen on"),
    flag("kind", Takes::Text, "What listens there: postgres, mysql, redis, https, ssh, tcp, …"),
    flag("tag", Takes::Texts, "Tag, or a list of them"),
    flag("description", Takes::Text, "A line about it"),
    flag("document", Takes::Text, "SSM document instead of Amazon's own"),
    flag("reason", Takes::Text, "Reason, for the session history and CloudTrail"),
    flag("max-age", Takes::Time, "Close the forward after so long"),
    flag("guard", Takes::Nothing, "Opening it wants --yes and a reason"),
    flag("no-guard", Takes::Nothing, "Open it without asking"),
    flag("db-user", Takes::Text, "Database user"),
    flag("db-name", Takes::Text, "Database"),
    flag("auth", Takes::Text, "How the database user signs in: password or iam"),
];

/// Consent, which is never asked for here.
pub const YES: &[Flag] = &[Flag {
    name: "yes",
    short: Some('y'),
    about: "Consent to what would be asked elsewhere",
    takes: Takes::Nothing,
    is_core: true,
}];

/// Connections by name.
pub const NAMES: Argument = Argument {
    name: "names",
    about: "Connections, or @tag; names and rows from the pipe too",
    count: Count::Some,
    column: Some("name"),
    completes: true,
};

/// One connection by name.
pub const NAME: Argument = Argument {
    name: "name",
    about: "Connection; a name or a row from the pipe too",
    count: Count::One,
    column: Some("name"),
    completes: true,
};
