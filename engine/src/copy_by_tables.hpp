#pragma once

#include <optional>
#include <string>

#include <pipeline/plan.hpp>

#include "task.hpp"

namespace sg::engine {

/// The fast way of a copy task: segments are laid out from the source's sample tables as
/// `request.copy` says, and their payload is read and written in bulk, without a media library.
/// Makes the same files as the way through packets. Nothing when it cannot, because a sample needs
/// cleaning, tables and plan disagree or the source cannot be read: the other way then does it or
/// tells what is wrong.
[[nodiscard]] Result<std::optional<std::string>> copy_by_tables(const TaskRequest& request,
                                                                const pipeline::Plan& plan,
                                                                TaskContext& context);

}  // namespace sg::engine
