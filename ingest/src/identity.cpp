#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include <sys/stat.h>

#include <base/digest.hpp>
#include <base/file.hpp>
#include <ingest/identity.hpp>

namespace sg::ingest {
namespace {

constexpr std::int64_t kBlock = 64 << 10;
constexpr int kSpreadBlocks = 16;

Status hash_range(int fd,
                  std::int64_t from,
                  std::int64_t length,
                  const std::string& name,
                  std::vector<std::byte>& buffer,
                  Sha256& hash) {
    while (length > 0) {
        const auto want =
            static_cast<std::size_t>(std::min<std::int64_t>(length, std::ssize(buffer)));
        SG_TRY_ASSIGN(
            const std::size_t got,
            read_at(fd, static_cast<std::uint64_t>(from), std::span(buffer).first(want), name));
        hash.update(std::span<const std::byte>(buffer).first(got));
        if (got < want) break;
        from += static_cast<std::int64_t>(got);
        length -= static_cast<std::int64_t>(got);
    }
    return {};
}

}  // namespace

Result<pipeline::SourceIdentity> identify(int fd, const std::string& name) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return errno_error(errno, "look at " + name);
    pipeline::SourceIdentity identity;
    identity.bytes = about.st_size;
    Sha256 hash;
    std::vector<std::byte> buffer(std::size_t{1} << 20);
    if (identity.bytes <= kFullHashBytes) {
        identity.kind = "sha256";
        SG_TRY(hash_range(fd, 0, identity.bytes, name, buffer, hash));
    } else {
        identity.kind = "sampled";
        hash.update("sampled/1 " + std::to_string(identity.bytes) + " " +
                    std::to_string(about.st_mtim.tv_sec) + "." +
                    std::to_string(about.st_mtim.tv_nsec) + "\n");
        const std::int64_t last = identity.bytes - kBlock;
        for (int i = 0; i <= kSpreadBlocks + 1; ++i) {
            const std::int64_t at =
                media::mul_div(last, i, kSpreadBlocks + 1, media::Rounding::kDown);
            SG_TRY(hash_range(fd, at, kBlock, name, buffer, hash));
        }
    }
    identity.digest = hash.finish_hex();
    return identity;
}

}  // namespace sg::ingest
