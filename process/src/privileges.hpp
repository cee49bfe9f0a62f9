#pragma once

#include <base/result.hpp>
#include <process/sandbox.hpp>

namespace sg::process {

/// Becomes `user` when that is one and this process is root; gives up every capability for good
/// but, with `see_all`, that of passing file permissions for reading (and, as long as it stays
/// root, for writing). Ends the process when its parent has gone meanwhile.
[[nodiscard]] Status give_up_privileges(const std::optional<SandboxUser>& user, bool see_all);

}  // namespace sg::process
