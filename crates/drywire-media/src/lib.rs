//! RTP streams in and out: reception statistics and reports.
