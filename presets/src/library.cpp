#include <algorithm>
#include <charconv>
#include <string>

#include <presets/loader.hpp>

#include "library_data.hpp"

namespace sg::presets {

namespace {

struct Shelf {
    std::vector<LibraryEntry> entries;
    std::vector<std::string_view> texts;
};

Shelf read_shelf() {
    struct Book {
        LibraryEntry entry;
        std::string_view text;
    };
    std::vector<Book> books;
    for (const std::string_view text : library_texts()) {
        std::vector<Problem> problems;
        const auto root = parse_yaml(text, "library", problems);
        if (!root) continue;
        LibraryEntry entry;
        if (const Node* const node = root->find("name")) entry.name = node->text;
        if (const Node* const node = root->find("description")) entry.description = node->text;
        if (const Node* const node = root->find("version")) {
            std::from_chars(
                node->text.data(), node->text.data() + node->text.size(), entry.version);
        }
        books.push_back({std::move(entry), text});
    }
    std::sort(books.begin(), books.end(), [](const Book& a, const Book& b) {
        return a.entry.name != b.entry.name ? a.entry.name < b.entry.name
                                            : a.entry.version < b.entry.version;
    });
    Shelf shelf;
    for (Book& book : books) {
        shelf.entries.push_back(std::move(book.entry));
        shelf.texts.push_back(book.text);
    }
    return shelf;
}

const Shelf& shelf() {
    static const Shelf one = read_shelf();
    return one;
}

}  // namespace

const std::vector<LibraryEntry>& Library::embedded() {
    return shelf().entries;
}

std::optional<std::string_view> Library::text(std::string_view name_at_version) {
    const std::size_t at = name_at_version.find('@');
    const std::string_view name = name_at_version.substr(0, at);
    std::optional<std::string_view> found;
    for (std::size_t i = 0; i < shelf().entries.size(); ++i) {
        const LibraryEntry& entry = shelf().entries[i];
        if (entry.name != name) continue;
        const bool wanted = at == std::string_view::npos ||
                            name_at_version.substr(at + 1) == std::to_string(entry.version);
        if (wanted) found = shelf().texts[i];  // sorted by version: the last one is the highest
    }
    return found;
}

}  // namespace sg::presets
