package org.nixwsl.storage.core.guest;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.StorageSdkException;

/** Parts that note what they are asked, and answer by the name of the method. */
final class Answers {
  /** Each call with its arguments, but for operations and options. */
  final List<String> asked = Collections.synchronizedList(new ArrayList<>());

  private final Map<String, Object> answers = new HashMap<>();

  /** What a method gives from now on; an error is thrown, a supplier is asked at each call. */
  Answers with(String method, Object answer) {
    answers.put(method, answer);
    return this;
  }

  GuestParts parts(StoreHost host, StoreVerifier verifier, StoreFreezer freezer) {
    return new GuestParts(
        host,
        verifier,
        freezer,
        proxy(StorageTree.class),
        proxy(Stillness.class),
        proxy(NixConfigWriter.class));
  }

  private <T> T proxy(Class<T> type) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              String call = method.getName() + words(arguments);
              asked.add(call);
              Object answer = answers.get(method.getName());
              if (answer instanceof Supplier<?> supplier) {
                return supplier.get();
              }
              if (answer instanceof StorageSdkException error) {
                throw error;
              }
              return method.getReturnType() == void.class
                  ? answer
                  : Objects.requireNonNull(answer, call);
            }));
  }

  private static List<String> words(Object[] arguments) {
    Stream<Object> all = arguments == null ? Stream.of() : Arrays.stream(arguments);
    return all.filter(a -> !(a instanceof Operation) && !(a instanceof RunOptions))
        .map(String::valueOf)
        .toList();
  }
}
