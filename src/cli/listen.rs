//! `outboxd listen`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::fmt;
use std::path::PathBuf;

use clap::Args;

/// Options of `listen`.
#[derive(Clone, Args)]
pub struct Listen {
    /// Where: a port, which is then one of 127.0.0.1, or an address and a port such as 0.0.0.0:8443; port 0 takes a free
    /// one and says which.
    #[arg(long, value_name = "ADDRESS", default_value = "8443")]
    pub address: String,
    /// Folder with tls.crt and tls.key (PEM) to show and, if clients must show a certificate, ca.crt that signed it; as
    /// `outboxd certificates` makes it. Not given: plain HTTP.
    #[arg(long, value_name = "FOLDER")]
    pub tls: Option<PathBuf>,
    /// Signing secret, whsec_…, to verify with; one of several has to fit. In the environment separated by commas, and
    /// better there: other users can see a command line. Not given: nothing is verified.
    #[arg(
        long,
        value_name = "SECRET",
        env = "OUTBOXD_LISTEN_SECRET",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub secret: Vec<String>,
    /// What to answer, in turn, the last one for ever: a status from 200 to 599, close (hangs up), reset, hang (never
    /// answers), drip (a body byte by byte); each *N times, @DELAY later: 503*2,close,200@1500ms. Not given: 200, and
    /// 401 where the signature is wrong.
    #[arg(long, value_name = "LIST")]
    pub answer: Option<String>,
    /// Answer so many in a hundred 503 besides, at random, 0 to 100.
    #[arg(long, value_name = "N", default_value = "0")]
    pub fail_percent: String,
    /// Header to send with each answer, such as 'Retry-After: 5'; as often as you like.
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
    /// How much of each webhook to show: line, head (and its headers) or body (and all of its body).
    #[arg(long, value_name = "WHAT", default_value = "line")]
    pub show: String,
    /// One JSON object per line on standard output instead, for scripts.
    #[arg(long, conflicts_with = "show")]
    pub json: bool,
    /// Exit 0 after so many webhooks, repeats included.
    #[arg(long, value_name = "N")]
    pub count: Option<String>,
}

impl fmt::Debug for Listen {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listen")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
