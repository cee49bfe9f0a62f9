#include "open_source.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include <ingest/spool.hpp>

namespace sg::apps {

Result<engine::ProbeRequest> open_source(const std::string& uri) {
    std::error_code missing;
    auto folder = std::filesystem::temp_directory_path(missing);
    if (missing) folder = ".";
    SG_TRY_ASSIGN(auto input, ingest::open_input(uri));
    engine::ProbeRequest request;
    request.name = input.name;
    switch (input.kind) {
        case ingest::InputKind::kFile:
            request.fd = std::move(input.fd);
            break;
        case ingest::InputKind::kPipe: {
            SG_TRY_ASSIGN(request.fd, ingest::temporary_file(folder));
            SG_TRY(ingest::copy_pipe(input.fd.get(), request.fd.get(), input.name, {}));
            break;
        }
        case ingest::InputKind::kImages: {
            SG_TRY_ASSIGN(request.fd, engine::pack_images_in_task(uri, {}));
            break;
        }
    }
    return request;
}

}  // namespace sg::apps
