//! The demo's world: a month in Oulu, told while it is lived through the real server and SDK.

mod catalog;
mod chance;
mod delivery;
mod generated_month;
mod helsinki;
mod limits;
mod steps_file;
mod text;
mod walking;
