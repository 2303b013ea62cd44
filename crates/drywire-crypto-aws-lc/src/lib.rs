//! drywire's default cryptographic backend: AWS-LC.
