#include "open_source.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include <ingest/spool.hpp>

namespace sg::apps {

Result<std::unique_ptr<ingest::MediaInput>> open_source(const std::string& uri) {
    std::error_code missing;
    ingest::SpoolOptions spool;
    spool.folder = std::filesystem::temp_directory_path(missing);
    if (missing) spool.folder = ".";
    SG_TRY_ASSIGN(auto local, ingest::open_local(uri, spool));

    ingest::OpenOptions options;
    options.fd = std::move(local.fd);
    options.name = local.name;
    options.identify = true;
    options.abridge = true;
    return ingest::MediaInput::open(std::move(options));
}

}  // namespace sg::apps
