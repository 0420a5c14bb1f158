#include "roff.h"

#include "shoji/base/strings.h"
#include "shoji/runtime.h"

namespace shoji::cli {
namespace {

// An argument of a macro: in quotes, for it may have blanks.
std::string Argument(const std::string& text) {
  std::string out = "\"";
  for (const char c : RoffEscape(text)) {
    if (c == '"') {
      out += "\\(dq";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Sentences on lines of their own, so that roff sets the space between them.
std::string Sentences(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find(". ", at);
    if (end == std::string::npos) {
      out += RoffEscape(text.substr(at)) + "\n";
      break;
    }
    out += RoffEscape(text.substr(at, end + 1 - at)) + "\n";
    at = text.find_first_not_of(' ', end + 1);
  }
  return out;
}

}  // namespace

std::string RoffEscape(const std::string& text) {
  std::string out;
  if (!text.empty() && (text[0] == '.' || text[0] == '\'')) out = "\\&";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\n') {
      out += ' ';
    } else {
      out += c;
      // A long word may be broken behind it.
      if (c == ',' && i + 1 < text.size() && text[i + 1] != ' ') out += "\\:";
    }
  }
  return out;
}

// A constant, for the same sources shall make the same page.
constexpr const char* kDate = "2026-11-22";

Roff::Roff(const std::string& title, const std::string& section)
    : text_(".TH " + Argument(title) + " " + Argument(section) + " \"" + kDate + "\" " +
            Argument("Shoji " + ApiVersion()) + " \"Shoji\"\n.nh\n.ad l\n") {}

Roff& Roff::Section(const std::string& name) {
  text_ += ".SH " + Argument(name) + "\n";
  return *this;
}

Roff& Roff::Subsection(const std::string& name) {
  text_ += ".SS " + Argument(name) + "\n";
  return *this;
}

// Behind a heading the macro for a paragraph would say nothing.
void Roff::BeginParagraph() {
  const std::size_t last = text_.rfind('\n', text_.size() - 2) + 1;
  if (text_.compare(last, 3, ".SH") != 0 && text_.compare(last, 3, ".SS") != 0) text_ += ".PP\n";
}

Roff& Roff::Text(const std::string& text) {
  BeginParagraph();
  text_ += Sentences(text);
  return *this;
}

Roff& Roff::Item(const std::string& term, const std::string& operand, const std::string& text) {
  text_ += ".TP\n\\fB" + RoffEscape(term) + "\\fR";
  if (!operand.empty()) text_ += " \\fI" + RoffEscape(operand) + "\\fR";
  text_ += "\n" + Sentences(text);
  return *this;
}

Roff& Roff::More(const std::string& text) {
  text_ += ".br\n" + Sentences(text);
  return *this;
}

Roff& Roff::Literal(const std::vector<std::string>& lines) {
  BeginParagraph();
  text_ += ".nf\n.RS\n";
  for (const std::string& line : lines) text_ += RoffEscape(line) + "\n";
  text_ += ".RE\n.fi\n";
  return *this;
}

}  // namespace shoji::cli
