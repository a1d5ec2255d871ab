// The three analysis parts that Elasticsearch's .security index asks for. They live in the module analysis-common,
// which the integ-test zip lacks; with them API keys work. build.sh compiles this against the server's own jars.
package peers;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.AbstractTokenizerFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

public class AuditAnalysis extends Plugin implements AnalysisPlugin {
  interface Wrap {
    TokenStream around(TokenStream stream);
  }

  static TokenFilterFactory filter(String name, Settings settings, Wrap wrap) {
    return new AbstractTokenFilterFactory(name, settings) {
      @Override
      public TokenStream create(TokenStream stream) {
        return wrap.around(stream);
      }
    };
  }

  static Pattern[] patterns(Settings settings) {
    return settings.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
  }

  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    var filters = new TreeMap<String, AnalysisProvider<TokenFilterFactory>>();
    filters.put(
        "pattern_capture",
        (index, environment, name, settings) ->
            filter(name, settings, s -> new PatternCaptureGroupTokenFilter(s, true, patterns(settings))));
    filters.put(
        "unique",
        (index, environment, name, settings) -> filter(name, settings, RemoveDuplicatesTokenFilter::new));
    return filters;
  }

  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    return Map.of(
        "uax_url_email",
        (index, environment, name, settings) ->
            new AbstractTokenizerFactory(index, settings, name) {
              @Override
              public Tokenizer create() {
                return new UAX29URLEmailTokenizer();
              }
            });
  }
}
