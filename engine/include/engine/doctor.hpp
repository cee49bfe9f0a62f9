#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sg::engine {

struct Finding {
    enum class State { kGood, kWarning, kBad };
    std::string name;  ///< "kernel", "sandbox: files", "encoder libx264", "disk", ...
    State state = State::kGood;
    std::string detail;  ///< what is, and what to do about it
};

struct DoctorQuestions {
    /// Whose file systems' free space is told.
    std::vector<std::filesystem::path> folders;
    bool libraries = true;  ///< also versions and encoders: loads libav, some 50 ms
};

/// What this machine offers: kernel, each measure of the tasks' sandbox (process/sandbox.hpp),
/// limits, cgroups, libav with the encoders that presets use, room on disks. Changes nothing.
[[nodiscard]] std::vector<Finding> examine_machine(const DoctorQuestions& questions);

/// Lines for people, problems marked.
[[nodiscard]] std::string describe(const std::vector<Finding>& findings);
/// [{"name","state":"good|warning|bad","detail"}]
[[nodiscard]] std::string to_json(const std::vector<Finding>& findings);

}  // namespace sg::engine
