//! The commands, one file each. A new one is a file and a line in [`ALL`].

mod add;
mod connect;
mod cp;
mod down;
mod edit;
mod endpoints;
mod login;
mod logout;
mod logs;
mod ls;
mod mv;
mod profiles;
mod restart;
mod rm;
mod sessions;
mod show;
mod status;
mod summary;
mod targets;
mod up;
mod wait;

use crate::spec::Spec;

/// Every command, as the core has it. What the core does not have is not here either.
pub static ALL: &[&Spec] = &[
    &summary::SPEC,
    &ls::SPEC,
    &show::SPEC,
    &add::SPEC,
    &edit::SPEC,
    &rm::SPEC,
    &cp::SPEC,
    &mv::SPEC,
    &connect::SPEC,
    &up::SPEC,
    &down::SPEC,
    &restart::SPEC,
    &status::SPEC,
    &logs::SPEC,
    &wait::SPEC,
    &targets::SPEC,
    &endpoints::SPEC,
    &sessions::SPEC,
    &sessions::END,
    &profiles::SPEC,
    &login::SPEC,
    &logout::SPEC,
];
