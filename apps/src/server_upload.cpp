#include "server_upload.hpp"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "quantities.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

constexpr std::size_t kPieceBytes = 8U << 20;
constexpr int kMostTries = 8;

std::string base64(std::string_view text) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            const auto byte = i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
            bits = (bits << 8U) | byte;
        }
        for (std::size_t k = 0; k < 4; ++k)
            out += i + k > text.size() ? '=' : kDigits[(bits >> (18 - 6 * k)) & 63U];
    }
    return out;
}

Result<std::uint64_t> number_header(const ServerReply& reply, std::string_view name) {
    const auto* text = protocols::find_header(reply.headers, name);
    std::uint64_t value = 0;
    if (text != nullptr) {
        const auto* end = text->data() + text->size();
        const auto parsed = std::from_chars(text->data(), end, value);
        if (parsed.ec == std::errc() && parsed.ptr == end) return value;
    }
    return Error{Errc::kBadData, fmt::format("the server's answer to an upload has no {}", name)};
}

bool worth_trying(Errc code) {
    return code == Errc::kIo || code == Errc::kTimeout || code == Errc::kInternal ||
           code == Errc::kLimit || code == Errc::kMismatch;
}

class Upload {
  public:
    Upload(const ServerClient& client, const std::string& path, bool tell)
        : client_(client), path_(path), tell_(tell && is_terminal(STDERR_FILENO)) {}

    Result<std::string> run() {
        std::error_code failed;
        bytes_ = std::filesystem::file_size(path_, failed);
        file_.open(path_, std::ios::binary);
        if (failed || !file_)
            return Error{Errc::kNotFound,
                         fmt::format("upload {}: {}",
                                     printable(path_),
                                     failed ? failed.message() : "it cannot be read")};
        SG_TRY(create());
        int tries = 0;
        while (at_ < bytes_) {
            show();
            auto sent = send_piece();
            if (sent) {
                tries = 0;
                continue;
            }
            if (++tries >= kMostTries || !worth_trying(sent.error().code))
                return sent.error().within("upload " + printable(path_));
            std::this_thread::sleep_for(std::chrono::milliseconds(200) * tries);
            SG_TRY(ask_offset());
        }
        show();
        if (tell_) (void)write_text(STDERR_FILENO, "\n");
        return location_.substr(location_.rfind('/') + 1);
    }

  private:
    Status create() {
        const auto name = std::filesystem::path(path_).filename().string();
        ServerClient::Request request{"POST", "/v1/uploads", std::string()};
        request.headers = {{"Tus-Resumable", "1.0.0"},
                           {"Upload-Length", std::to_string(bytes_)},
                           {"Upload-Metadata", "filename " + base64(name)},
                           {"Content-Type", "application/offset+octet-stream"}};
        SG_TRY_ASSIGN(const auto reply, client_.call(std::move(request)));
        const auto* location = protocols::find_header(reply.headers, "location");
        if (location == nullptr)
            return Error{Errc::kBadData, "the server's answer to an upload has no Location"};
        location_ = *location;
        if (const auto scheme = location_.find("://"); scheme != std::string::npos)
            location_ = location_.substr(location_.find('/', scheme + 3));
        return {};
    }

    Status send_piece() {
        std::string piece(
            static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, bytes_ - at_)), '\0');
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(at_));
        if (!file_.read(piece.data(), static_cast<std::streamsize>(piece.size())))
            return Error{Errc::kBadData, "the file has become shorter while it was read"};
        ServerClient::Request request{"PATCH", location_, std::move(piece)};
        request.headers = {{"Tus-Resumable", "1.0.0"},
                           {"Upload-Offset", std::to_string(at_)},
                           {"Content-Type", "application/offset+octet-stream"}};
        SG_TRY_ASSIGN(const auto reply, client_.call(std::move(request)));
        SG_TRY_ASSIGN(at_, number_header(reply, "upload-offset"));
        return {};
    }

    Status ask_offset() {
        ServerClient::Request request{"HEAD", location_};
        request.headers = {{"Tus-Resumable", "1.0.0"}};
        const auto reply = client_.call(std::move(request));
        if (!reply && worth_trying(reply.error().code)) return {};  // at the next try
        if (!reply) return reply.error();
        SG_TRY_ASSIGN(at_, number_header(*reply, "upload-offset"));
        return {};
    }

    void show() const {
        if (!tell_) return;
        const auto percent = bytes_ == 0 ? 100 : at_ * 100 / bytes_;
        (void)write_text(STDERR_FILENO,
                         fmt::format("\rupload {}: {} % of {} ",
                                     printable(std::filesystem::path(path_).filename().string()),
                                     percent,
                                     bytes_text(static_cast<std::int64_t>(bytes_))));
    }

    const ServerClient& client_;
    const std::string& path_;
    bool tell_;
    std::ifstream file_;
    std::uint64_t bytes_ = 0;
    std::uint64_t at_ = 0;
    std::string location_;
};

}  // namespace

Result<std::string> upload_file(const ServerClient& client, const std::string& path, bool tell) {
    return Upload(client, path, tell).run();
}

}  // namespace sg::apps
