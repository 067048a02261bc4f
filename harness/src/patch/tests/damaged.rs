// SPDX-License-Identifier: GPL-2.0-or-later
//! Mailboxes and patches that are damaged, or were made to do harm.

use crate::fuzz::{self, Food};
use crate::patch::Thread;
use crate::patch::mail::mails;
use crate::patch::parse::parse;

const WORDS: [&str; 26] = [
    "From ",
    "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n",
    "Subject: [PATCH v2 1/3] ",
    "Subject: Re: ",
    "Message-Id: <a@b>\n",
    "In-Reply-To: <a@b>\n",
    "References: <a@b> <c@d>\n",
    "Content-Type: multipart/mixed; boundary=x\n",
    "Content-Type: text/plain; charset=utf-7\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "--x\n",
    "=?utf-8?q?=FF?=",
    "\n---\n",
    "diff --git a/x b/y\n",
    "--- a/",
    "+++ b/",
    "@@ -1,3 +1,3 @@",
    "new file mode 120000\n",
    "rename from ",
    "GIT binary patch\n",
    "../",
    "/dev/null",
    "\"a\\tb\"",
    "base-commit: ",
    "\\ No newline at end of file\n",
];

fn food() -> Food<'static> {
    let right = [
        include_str!("../../../tests/data/thread/thread.mbox"),
        include_str!("../../../tests/data/hostile/two-series.mbox"),
        include_str!("../../../tests/data/hostile/quoted-only.mbox"),
        include_str!("../../../tests/data/hostile/quoted-path.patch"),
        include_str!("../../../tests/data/hostile/makes-link.patch"),
        include_str!("../../../tests/data/arm-no-ixol-override.patch"),
    ];
    let right = right.into_iter().map(|text| text.as_bytes().to_vec()).collect();
    Food { name: "mbox", right, words: &WORDS }
}

fn read(bytes: &[u8]) {
    let thread = Thread::new(mails(bytes));
    let _ = thread.choose("x.mbox", None);
    for series in &thread.series {
        let _ = series.summary();
        for patch in series.patches("x.mbox").unwrap_or_default() {
            let _ = parse(&String::from_utf8_lossy(&patch.text));
        }
    }
    let _ = parse(&String::from_utf8_lossy(bytes));
}

#[test]
fn damaged_mailboxes_are_read_for_a_moment() {
    fuzz::shortly(&food(), read);
}

#[test]
#[ignore = "takes ten minutes: ci/test --full"]
fn damaged_mailboxes() {
    fuzz::at_length(&food(), read);
}
