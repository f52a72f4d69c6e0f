//! The kubectl plugin.
//!
//! What is decided and how it is shown is pure; `session`, `read`, `rules`, `act`, `draft`, `adopt` and `access` talk to
//! the cluster.

pub mod access;
pub mod act;
pub mod adopt;
pub mod args;
pub mod capacity;
pub mod choose;
pub mod decision;
pub mod detail;
pub mod draft;
pub mod evidence;
pub mod explain;
pub mod failure;
pub mod foresee;
pub mod form;
pub mod help;
pub mod inbox;
pub mod lang;
pub mod leads;
pub mod leave;
mod messages;
pub mod moment;
pub mod order;
pub mod outcome;
pub mod output;
pub mod page;
pub mod paper;
pub mod proposal;
pub mod read;
pub mod rules;
#[cfg(test)]
mod samples;
pub mod session;
pub mod suggest;
pub mod timeline;
pub mod usage;
pub mod whatif;
pub mod whoami;
pub mod words;

use crate::api::decision::Verdict;
use act::Order;
use args::{ActWithAmounts, Catalog, Cli, Command, Output};
use clap::FromArgMatches as _;
use failure::{Exit, Failure};
use lang::Lang;
use session::Session;

/// Runs a command line, the program's name first, and says how it went.
pub async fn run(arguments: Vec<String>) -> Exit {
    let lang = Lang::of(&arguments, |name| std::env::var(name).ok());
    let matches = match help::command(lang).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return misunderstood(&error, lang),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error, lang),
    };
    let done = match Session::connect(&cli.global, lang).await {
        Ok(session) => Box::pin(execute(&session, cli.global.output, &cli.command)).await,
        Err(failure) => Err(failure),
    };
    done.unwrap_or_else(|failure| {
        output::aside(&failure.render(lang));
        failure.exit
    })
}

/// Help that was asked for is no error; clap knows where to print it.
fn misunderstood(error: &clap::Error, lang: Lang) -> Exit {
    if !error.use_stderr() {
        return if error.print().is_ok() { Exit::Done } else { Exit::Error };
    }
    if lang.chinese() && error.kind() != clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let failure = Failure::new(Exit::Usage, help::chinese_error(error), lang.next_help());
        output::aside(&failure.render(lang));
    } else {
        output::aside(&error.to_string());
    }
    Exit::Usage
}

async fn execute(session: &Session, format: Output, command: &Command) -> Result<Exit, Failure> {
    let lang = session.lang;
    // Before anything is done that could then not be printed.
    if format.is_of_a_table() && !matches!(command, Command::Usage(wish) if wish.month.is_some()) {
        return Err(Failure::new(Exit::Usage, lang.no_table(), lang.next_table()));
    }
    match command {
        Command::Submit(act) => act::decide(session, format, Order::plain(Verdict::Submit, act)).await,
        Command::Reject(act) => act::decide(session, format, Order::plain(Verdict::Reject, act)).await,
        Command::Sign(act) => act::decide(session, format, Order::plain(Verdict::Sign, act)).await,
        Command::Withdraw(act) => act::decide(session, format, Order::plain(Verdict::Withdraw, act)).await,
        Command::Approve(act) => act::decide(session, format, with_amounts(Verdict::Approve, act)).await,
        Command::Return(act) => act::decide(session, format, with_amounts(Verdict::Return, act)).await,
        Command::Confirm(act) => act::decide(session, format, with_amounts(Verdict::Confirm, act)).await,
        Command::File(file) => {
            let order = Order { reports: &file.report, result: file.result, ..Order::plain(Verdict::File, &file.act) };
            act::decide(session, format, order).await
        }
        Command::Change(wish) => draft::change(session, format, wish).await,
        Command::Extend(wish) => Box::pin(draft::extend(session, format, wish)).await,
        Command::Emergency(wish) => draft::emergency(session, format, wish).await,
        Command::Takeup(wish) => Box::pin(proposal::take_up(session, format, wish)).await,
        Command::Dismiss(wish) => Box::pin(proposal::dismiss(session, format, wish)).await,
        Command::Decommission(wish) => Box::pin(leave::leave(session, format, wish)).await,
        Command::ConfirmBackup(act) => leave::confirm_backup(session, format, act).await,
        Command::Attest(wish) => Box::pin(leave::attest(session, format, wish)).await,
        Command::Adopt(wish) => Box::pin(adopt::adopt(session, format, wish)).await,
        Command::Retry(wish) => leave::retry(session, format, wish).await,
        Command::Suspend(wish) => Box::pin(order::suspend(session, format, wish)).await,
        Command::Lift(act) => Box::pin(order::lift(session, format, act)).await,
        Command::Whatif(wish) => Box::pin(read::whatif(session, format, wish)).await,
        Command::Capacity(wish) => read::capacity(session, format, wish).await,
        Command::Usage(wish) => read::usage(session, format, wish).await,
        Command::Authorize(wish) => {
            let clock = read::clock(session).await?;
            access::authorize(session, &clock, format, wish).await
        }
        Command::Revoke(wish) => {
            let clock = read::clock(session).await?;
            access::revoke(session, &clock, format, wish).await
        }
        Command::Inbox(wish) => read::inbox(session, format, wish).await,
        Command::Status(one) => read::status(session, format, &one.request).await,
        Command::Timeline(one) => read::timeline(session, format, &one.request).await,
        Command::Explain(one) => read::explain(session, format, &one.request).await,
        Command::Catalog(Catalog::Suggest(wish)) => read::suggest(session, format, wish).await,
        Command::Whoami => read::whoami(session, format).await,
    }
}

fn with_amounts(verdict: Verdict, act: &ActWithAmounts) -> Order<'_> {
    Order { grant: &act.grant, as_asked: act.as_asked, ..Order::plain(verdict, &act.act) }
}
