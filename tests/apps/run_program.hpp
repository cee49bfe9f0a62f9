#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sg::test {

struct ProgramResult {
    int exit_code = -1;  ///< 128 + signal when one ended it
    std::string out;
    std::string err;
};

/// Runs to the end with standard output and error in files, standard input from `input` (empty:
/// /dev/null).
[[nodiscard]] ProgramResult run_program(const std::vector<std::string>& words,
                                        const std::filesystem::path& input = {});

struct TerminalResult {
    int exit_code = -1;
    std::string text;
};

/// The same on a pseudo-terminal. After `interrupt_after` was shown, Ctrl-C is typed.
[[nodiscard]] TerminalResult run_on_terminal(const std::vector<std::string>& words,
                                             const std::string& interrupt_after = {});

}  // namespace sg::test
