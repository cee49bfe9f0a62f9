#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <server/gzip.hpp>
#include <server/player_page.hpp>
#include <server/range_header.hpp>

#include <base/digest.hpp>

// Bytes that the build puts into the program (cmake/EmbedFiles.cmake).
extern "C" {
extern const char sg_file_index_html[];
extern const char sg_file_index_html_end[];
extern const char sg_file_player_css[];
extern const char sg_file_player_css_end[];
extern const char sg_file_player_js[];
extern const char sg_file_player_js_end[];
extern const char sg_file_hls_js[];
extern const char sg_file_hls_js_end[];
extern const char sg_file_hls_license[];
extern const char sg_file_hls_license_end[];
}

namespace sg::server {
namespace {

/// hls.js feeds the video element from a blob and runs its worker from one.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self' blob:; worker-src blob:; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'";

void add_asset(Router& router,
               std::string path,
               std::string_view content_type,
               const char* begin,
               const char* end) {
    const std::string_view text(begin, static_cast<std::size_t>(end - begin));
    const auto encoded = std::make_shared<const std::string>(gzip(text));
    const auto etag = sha256_hex(text).substr(0, 16);
    router.get(std::move(path), [=](const Request& request) {
        Response response;
        response.add("Content-Type", content_type);
        response.add("Cache-Control", "no-cache");
        response.add("Content-Security-Policy", kPolicy);
        response.add("Referrer-Policy", "no-referrer");
        response.add("Vary", "Accept-Encoding");
        const bool compress = accepts_gzip(request.field("accept-encoding")) && !encoded->empty();
        const auto tag = compress ? etag + "-gz" : etag;
        response.add("ETag", fmt::format("\"{}\"", tag));
        if (has_etag(request.field("if-none-match"), tag)) {
            response.status = 304;
        } else if (compress) {
            response.add("Content-Encoding", "gzip");
            response.body.push_back(BodyPiece::of(encoded));
        } else {
            response.body.push_back(BodyPiece::of_static(text));
        }
        return response;
    });
}

}  // namespace

void add_player_page(Router& router) {
    constexpr std::string_view kScript = "text/javascript; charset=utf-8";
    add_asset(router, "/", "text/html; charset=utf-8", sg_file_index_html, sg_file_index_html_end);
    add_asset(router,
              "/player/player.css",
              "text/css; charset=utf-8",
              sg_file_player_css,
              sg_file_player_css_end);
    add_asset(router, "/player/player.js", kScript, sg_file_player_js, sg_file_player_js_end);
    add_asset(router, "/player/hls.js", kScript, sg_file_hls_js, sg_file_hls_js_end);
    add_asset(router,
              "/player/hls-license.txt",
              "text/plain; charset=utf-8",
              sg_file_hls_license,
              sg_file_hls_license_end);
}

}  // namespace sg::server
