#include <chrono>

#include <fmt/format.h>

#include <ingest/spool.hpp>

#include "task.hpp"

namespace sg::engine {

Result<std::string> run_spool_task(const TaskRequest& request, TaskContext& context) {
    const bool images = !request.images.empty();
    if (context.fds.size() != (images ? 1U : 2U))
        return Error{Errc::kBadData, "spool " + request.source_name + ": descriptors are missing"};
    ingest::SpoolOptions options;
    options.max_bytes = request.spool_bytes;
    options.first_byte_timeout = std::chrono::seconds(request.open_seconds);
    options.stop = context.stop;
    options.progress = [&](std::int64_t bytes) {
        // A parent that is gone ends this process anyway.
        static_cast<void>(context.progress(fmt::format(R"({{"spooled":{}}})", bytes)));
    };
    SG_TRY(images ? ingest::pack_images(request.images, context.fds[0].get(), options)
                  : ingest::copy_pipe(
                        context.fds[1].get(), context.fds[0].get(), request.source_name, options));
    return std::string("{}");
}

}  // namespace sg::engine
