// Package cli is what the commands share: how they read flags from the
// environment, report errors, and say with their exit status what happened.
//
// Data goes to standard output; everything else, errors as one line that starts
// with "Error: ", to standard error. A flag goes before its environment variable
// (VARANGIAN_DATA_DIR of the replica's --data-dir, VARANGIAN_CLIENT_KEY of the
// client's --key), and that before the default.
//
// The caller sets SilenceErrors and SilenceUsage by way of Main, and uses
// Problem for errors whose exit status is not the usual one.
package cli
