package org.nixwsl.storage.windows.task;

import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.nixwsl.storage.core.escape.WindowsArguments;
import org.nixwsl.storage.core.escape.XmlText;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** A task as the XML of the Windows task scheduler (Task Scheduler Schema, version 1.2). */
final class TaskDefinition {
  private static final String NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task";

  /** Runs with the token of the logged-on user, and no password is kept. */
  private static final String LOGON_TYPE = "InteractiveToken";

  /** Not elevated, even where the user is an administrator. */
  private static final String RUN_LEVEL = "LeastPrivilege";

  private TaskDefinition() {}

  /**
   * A task that runs a program when a user logs on. It is not stopped on batteries, and after an
   * hour at the latest; a second start while it runs is left out. A disk that is late at the logon
   * is tried again three times, a minute apart.
   *
   * @param user as {@code DOMAIN\name}
   * @param command program and arguments
   */
  static String atLogon(String user, String description, List<String> command) {
    return """
        <?xml version="1.0" encoding="UTF-16"?>
        <Task version="1.2" xmlns="%s">
          <RegistrationInfo>
            <Description>%s</Description>
          </RegistrationInfo>
          <Triggers>
            <LogonTrigger>
              <Enabled>true</Enabled>
              <UserId>%s</UserId>
            </LogonTrigger>
          </Triggers>
          <Principals>
            <Principal id="Author">
              <UserId>%s</UserId>
              <LogonType>%s</LogonType>
              <RunLevel>%s</RunLevel>
            </Principal>
          </Principals>
          <Settings>
            <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
            <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
            <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
            <AllowStartOnDemand>true</AllowStartOnDemand>
            <Enabled>true</Enabled>
            <ExecutionTimeLimit>PT1H</ExecutionTimeLimit>
            <RestartOnFailure>
              <Interval>PT1M</Interval>
              <Count>3</Count>
            </RestartOnFailure>
          </Settings>
          <Actions Context="Author">
            <Exec>
              <Command>%s</Command>
              <Arguments>%s</Arguments>
            </Exec>
          </Actions>
        </Task>
        """
        .formatted(
            NAMESPACE,
            XmlText.content(description),
            XmlText.content(user),
            XmlText.content(user),
            LOGON_TYPE,
            RUN_LEVEL,
            XmlText.content(command.get(0)),
            XmlText.content(WindowsArguments.joined(command.subList(1, command.size()))));
  }

  /** Whether a task runs as the user and not elevated. */
  static boolean runsAsUser(Document task) {
    // What is not written is the default: LeastPrivilege, but no logon type.
    return text(task, "LogonType", "").equals(LOGON_TYPE)
        && text(task, "RunLevel", RUN_LEVEL).equals(RUN_LEVEL);
  }

  /** Whether a task is switched on. */
  static boolean enabled(Document task) {
    NodeList all = task.getElementsByTagNameNS(NAMESPACE, "Enabled");
    for (int i = 0; i < all.getLength(); i++) {
      if (all.item(i).getTextContent().strip().equals("false")) {
        return false;
      }
    }
    return true;
  }

  /** Reads a definition; nothing that it could refer to is read. */
  static Document parse(String xml) throws IOException {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      factory.setNamespaceAware(true);
      // The encoding that it declares is the one of a file; this is text already.
      return factory.newDocumentBuilder().parse(new InputSource(new StringReader(xml.strip())));
    } catch (SAXException e) {
      throw new IOException("The task scheduler printed no XML", e);
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException("The JDK's XML parser can do this", e);
    }
  }

  private static String text(Document task, String element, String otherwise) {
    NodeList found = task.getElementsByTagNameNS(NAMESPACE, element);
    return found.getLength() == 0 ? otherwise : found.item(0).getTextContent().strip();
  }
}
