#include "url_inputs.hpp"

#include <string>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>
#include <jobs/fetch.hpp>

#include <base/digest.hpp>
#include <base/file.hpp>

#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

namespace fs = std::filesystem;

bool is_url(const std::string& uri) {
    return uri.starts_with("http://") || uri.starts_with("https://");
}

/// Without what may hold secrets.
std::string shown(const std::string& url) {
    auto text = url.substr(0, url.find_first_of("?#"));
    const auto host = text.find("://") + 3;
    const auto at = text.rfind('@', text.find('/', host));
    return at == std::string::npos || at < host ? text : text.substr(0, host) + text.substr(at + 1);
}

}  // namespace

Result<UrlInputs> UrlInputs::fetch(engine::JobDocument& job, std::stop_token stop) {
    UrlInputs inputs;
    const auto names = engine::output_names(job);
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        auto& input = job.inputs[i];
        if (!is_url(input.uri)) continue;
        inputs.folder_ = fs::path(job.output) / ".streamgate-fetched";
        // What an interrupted run has fetched is gone on with when it came from the same place.
        const auto folder = inputs.folder_ / sha256_hex(input.uri).substr(0, 32);
        SG_TRY(make_folders(folder));
        // Outputs and messages are called as the URL is.
        const auto file = folder / names[i];
        std::error_code ec;
        if (!fs::exists(file, ec)) {
            const auto text = printable_lines(fmt::format("fetching {}\n", shown(input.uri)));
            static_cast<void>(write_text(STDERR_FILENO, text));
            jobs::FetchOptions options;
            // Whoever types a command may read what this machine can.
            options.allow_private_addresses = true;
            SG_TRY(jobs::fetch(input.uri, file, options, stop));
        }
        input.name = names[i];
        input.uri = file.string();
    }
    return inputs;
}

void UrlInputs::remove() const {
    if (folder_.empty()) return;
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    fs::remove(folder_.parent_path(), ignored);  // only when empty
}

}  // namespace sg::apps
